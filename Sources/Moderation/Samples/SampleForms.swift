internal import HTTPTypes
internal import Hummingbird
internal import JSON
internal import Web

/// A body that is an object of strings, none of them unknown.
struct SampleForm: Sendable {
    private let document: JSONDocument

    /// Of a body; nothing at all is an object without members.
    init(_ bytes: [UInt8], members: [String]) throws(Problem) {
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument(
                parsing: bytes.isEmpty ? Array("{}".utf8) : bytes, limits: JSONLimits(depthMax: 8))
        } catch {
            throw Problem(
                .badRequest, code: "malformed_json", title: error.message,
                detail: "Send a JSON object. \(Self.say(members))")
        }
        guard document.kind(document.root) == .object else {
            throw Problem(
                .badRequest, code: "invalid_value", title: "The body is no JSON object.", detail: Self.say(members))
        }
        self.document = document
        try document.forEachMember(of: document.root) { key, value throws(Problem) in
            let name = document.string(key) ?? ""
            guard members.contains(name) else {
                throw Problem(
                    .badRequest, code: "unknown_member", title: "Nothing reads the member “\(name.prefix(64))”.",
                    detail: Self.say(members))
            }
            guard document.kind(value) == .string else {
                throw Problem(
                    .badRequest, code: "invalid_value", title: "\(name) is no string.", detail: Self.say(members))
            }
        }
    }

    subscript(name: String) -> String? {
        document.member(name, of: document.root).flatMap { document.string($0) }
    }

    /// - Throws: where it is not there.
    func text(_ name: String, like example: String) throws(Problem) -> String {
        guard let text = self[name] else {
            throw Problem(
                .badRequest, code: "invalid_value", title: "\(name) is missing.", detail: "Send one, like \(example).")
        }
        return text
    }

    private static func say(_ members: [String]) -> String { "Members are \(members.joined(separator: ", "))." }
}

/// What is asked for behind the `?` of an address, none of it unknown.
struct SampleQuery: Sendable {
    private let values: [(name: String, value: String)]

    /// - Parameter several: those that may be there more than once.
    init(_ request: Request, _ names: [String], several: [String] = []) throws(Problem) {
        values = request.uri.queryParameters.map { (name: String($0.key), value: String($0.value)) }
        let known = names + several
        for (name, _) in values where !known.contains(name) {
            throw Problem(
                .badRequest, code: "unknown_parameter", title: "Nothing reads the parameter “\(name.prefix(64))”.",
                detail: known.isEmpty ? "Leave it out." : "Parameters are \(known.joined(separator: ", ")).")
        }
        for name in names where values.count(where: { $0.name == name }) > 1 {
            throw Problem(
                .badRequest, code: "invalid_value", title: "\(name) is there more than once.", detail: "Say it once.")
        }
        guard values.count <= 64 else {
            throw Problem(
                .badRequest, code: "invalid_value", title: "There are more than 64 parameters.", detail: "Send fewer.")
        }
    }

    subscript(name: String) -> String? { values.first { $0.name == name }?.value }

    func all(_ name: String) -> [String] { values.filter { $0.name == name }.map(\.value) }

    /// - Parameter choices: what it may be.
    func word(_ name: String, among choices: [String]) throws(Problem) -> String? {
        guard let word = self[name] else { return nil }
        guard choices.contains(word) else {
            throw Problem(
                .badRequest, code: "invalid_value", title: "\(name) can't be “\(word.prefix(64))”.",
                detail: "Send one of \(choices.joined(separator: ", ")).")
        }
        return word
    }

    func number(_ name: String, in range: ClosedRange<Int>) throws(Problem) -> Int? {
        guard let text = self[name] else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw Problem(
                .badRequest, code: "invalid_value", title: "\(name) can't be “\(text.prefix(64))”.",
                detail: "Send a number from \(range.lowerBound) to \(range.upperBound).")
        }
        return number
    }

    func sample(_ name: String) throws(Problem) -> SampleID? {
        guard let text = self[name] else { return nil }
        return try SampleID(parameter: text)
    }
}

extension SampleID {
    /// - Throws: for what is no id.
    init(parameter text: String) throws(Problem) {
        guard let id = SampleID(text) else {
            throw Problem(
                .badRequest, code: "invalid_value", title: "“\(text.prefix(64))” is no sample's id.",
                detail: "Send one like smp_01jdb3k6y8v4m2n7q9r5s1t3w6. See GET /admin/v1/filter/samples.")
        }
        self = id
    }
}
