/// The rules that come with Steward, embedded in the executable.
package enum ShippedRules {
    /// Name and text of each file.
    package static var files: [(name: String, yaml: String)] {
        [
            ("secrets.yaml", PackageResources.secrets_yaml), ("tokens-ai.yaml", PackageResources.tokens_ai_yaml),
            ("tokens-cloud.yaml", PackageResources.tokens_cloud_yaml),
            ("tokens-code.yaml", PackageResources.tokens_code_yaml),
            ("tokens-messages.yaml", PackageResources.tokens_messages_yaml),
            ("tokens-monitoring.yaml", PackageResources.tokens_monitoring_yaml),
            ("tokens-services.yaml", PackageResources.tokens_services_yaml),
            ("tokens-by-name.yaml", PackageResources.tokens_by_name_yaml),
            ("pii.yaml", PackageResources.pii_yaml), ("national-ids.yaml", PackageResources.national_ids_yaml),
            ("prompt-attacks.yaml", PackageResources.prompt_attacks_yaml), ("harms.yaml", PackageResources.harms_yaml),
            ("classifier.yaml", PackageResources.classifier_yaml),
        ].map { ($0.0, String(decoding: $0.1, as: UTF8.self)) }
    }

    /// - Throws: `RuleProblems` if a file was spoilt before the build.
    package static func load() throws(RuleProblems) -> [Rule] {
        try RuleFile.rules(files: files, categories: Taxonomy.shipped())
    }

    /// Them with the classifier that comes with Steward, ready to scan with.
    ///
    /// - Throws: `RuleProblems`, `ClassifierModel.FileError` or `FilterError` if one was spoilt before the build.
    package static func compiled() throws -> FilterRules {
        try FilterRules(load(), classifier: .shipped())
    }
}
