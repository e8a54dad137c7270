internal import Filtering
internal import JSON

/// A text to be scanned: one line of JSON, `{"id": …, "text": "…", "role": "user"}`.
struct ScanLine: Sendable {
    /// As it was written, or `null`.
    let id: [UInt8]
    /// Valid UTF-8.
    let text: [UInt8]
    let role: Role
    /// By which changes are told apart; `nil` where the line says nothing of it.
    private(set) var group: String?
    private(set) var label: String?

    /// Who says a text: what a model answers is a completion, all else goes into its prompt.
    enum Role: String, CaseIterable {
        case user, assistant, tool, system

        var side: Side { self == .assistant ? .completion : .prompt }
        var source: TextSource { self == .tool ? .tool : .caller }
    }

    init(text: [UInt8], role: Role) {
        (self.id, self.text, self.role) = (Array("null".utf8), text, role)
    }

    /// Why a line can't be scanned, and what would mend it.
    struct Problem: Error, Hashable {
        let message: String
    }

    /// Other members than these are left alone, so that labelled sets can be piped in as they are.
    init(_ line: [UInt8]) throws(Problem) {
        let document: JSONDocument
        do {
            document = try JSONDocument(parsing: line, limits: JSONLimits(nodesMax: 1_000_000))
        } catch {
            throw Problem(message: error.message)
        }
        guard document.kind(document.root) == .object else {
            throw Problem(message: #"A line must be an object, such as {"id": 1, "text": "…"}."#)
        }
        guard let text = document.member("text", of: document.root), document.kind(text) == .string else {
            throw Problem(message: "`text` must be a string.")
        }
        var bytes: [UInt8] = []
        document.appendUTF8(of: text, to: &bytes)
        self.text = bytes
        id = document.member("id", of: document.root).map { JSONWriter.json($0, of: document) } ?? Array("null".utf8)
        role = try Self.role(document)
        (group, label) = (Self.word("group", document), Self.word("label", document))
    }

    /// A string, or another value as it is written.
    private static func word(_ name: StaticString, _ document: JSONDocument) -> String? {
        guard let node = document.member(name, of: document.root), !document.isNull(node) else { return nil }
        return document.string(node) ?? String(decoding: document.bytes[document.source(of: node)], as: UTF8.self)
    }

    private static func role(_ document: JSONDocument) throws(Problem) -> Role {
        guard let node = document.member("role", of: document.root), !document.isNull(node) else { return .user }
        guard let role = document.string(node).flatMap(Role.init(rawValue:)) else {
            let known = Role.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", ")
            throw Problem(message: "`role` must be one of \(known).")
        }
        return role
    }
}
