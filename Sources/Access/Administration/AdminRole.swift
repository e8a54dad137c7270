internal import Storage

/// One thing that can be done under `/admin/v1`.
package enum AdminAction: String, Sendable, Hashable, CaseIterable {
    /// Without their texts.
    case listSamples = "list_samples"
    /// Reads what people wrote to a model, or it to them.
    case openContent = "open_content"
    /// Declining is labelling too.
    case labelSamples = "label_samples"
    case readPrecision = "read_precision"
    case readThresholds = "read_thresholds"
    case readProposals = "read_proposals"
    case forgetSamples = "forget_samples"

    /// As a sentence goes on: who may …
    package var words: String {
        switch self {
        case .listSamples: "list samples"
        case .openContent: "open content"
        case .labelSamples: "label samples"
        case .readPrecision: "read precision"
        case .readThresholds: "read thresholds"
        case .readProposals: "read proposals"
        case .forgetSamples: "forget samples"
        }
    }
}

/// What the holder of a token is. This is the one table of who may do what: routes check it, documents print it.
package enum AdminRole: String, Sendable, Hashable, CaseIterable, SQLValueConvertible {
    /// Reads texts and says what they are.
    case reviewer
    /// Decides what follows for rules.
    case safetyAnalyst = "safety-analyst"
    /// Sees figures, and nothing that anybody wrote.
    case auditor
    case administrator

    package var actions: Set<AdminAction> {
        switch self {
        case .reviewer: [.listSamples, .openContent, .labelSamples, .readPrecision]
        case .safetyAnalyst: Self.reviewer.actions.union([.readThresholds, .readProposals, .forgetSamples])
        case .auditor: [.readPrecision, .readThresholds, .readProposals]
        case .administrator: Set(AdminAction.allCases)
        }
    }

    package func may(_ action: AdminAction) -> Bool { actions.contains(action) }

    /// In a fixed order.
    package static func those(whoMay action: AdminAction) -> [AdminRole] { allCases.filter { $0.may(action) } }

    /// The table for documents: an action a line, a role a column.
    package static var markdown: String {
        func line(_ cells: [String]) -> String { "| " + cells.joined(separator: " | ") + " |\n" }
        let head = ["action"] + allCases.map { "`\($0.rawValue)`" }
        return line(head) + line(head.map { _ in "---" })
            + AdminAction.allCases.map { action in
                line([action.words] + allCases.map { $0.may(action) ? "yes" : "" })
            }.joined()
    }
}
