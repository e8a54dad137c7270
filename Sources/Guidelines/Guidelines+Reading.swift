internal import Crypto
internal import Yams

extension Guidelines {
    /// Reads and checks a guidelines file.
    ///
    /// - Parameters:
    ///   - file: Its name, for messages.
    ///   - knownCategories: Names of the categories that rules and classifiers use; `nil` doesn't check them.
    /// - Throws: Every problem at once, each with its place.
    package init(yaml: String, file: String, knownCategories: Set<String>? = nil) throws(GuidelineProblems) {
        var reader = GuidelinesReader(file: file, knownCategories: knownCategories)
        let root: Node?
        do {
            root = try Yams.compose(yaml: yaml)
        } catch {
            throw GuidelineProblems([reader.problem(with: error)])
        }
        guard let root else {
            throw GuidelineProblems([
                GuidelineProblem(
                    file: file, line: 1, column: 1, message: "The file is empty.",
                    advice: "Write title, language, published, introduction and clauses.")
            ])
        }
        let read = reader.read(root)
        guard reader.problems.isEmpty, let read else {
            throw GuidelineProblems(reader.problems.sorted { ($0.line, $0.column) < ($1.line, $1.column) })
        }
        self.init(
            version: Self.version(of: yaml), title: read.title, language: read.language, published: read.published,
            introduction: read.introduction, clauses: read.clauses)
    }

    /// The guidelines in `Resources/guidelines.yaml`, which are part of the binary, so that it may be moved.
    package static func shipped() throws(GuidelineProblems) -> Guidelines {
        try Guidelines(yaml: shippedYAML, file: "guidelines.yaml")
    }

    /// The shipped file, to begin one's own from.
    package static var shippedYAML: String {
        String(decoding: PackageResources.guidelines_yaml, as: UTF8.self)
    }

    private static func version(of yaml: String) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var hex: [UInt8] = []
        for byte in SHA256.hash(data: Array(yaml.utf8)) {
            hex.append(digits[Int(byte >> 4)])
            hex.append(digits[Int(byte & 15)])
        }
        return "sha256:" + String(decoding: hex, as: UTF8.self)
    }
}
