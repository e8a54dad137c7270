internal import JSON

extension Value {
    /// Reads a JSON text as strictly as the gateway does.
    init(parsing bytes: [UInt8]) throws(JSONError) {
        let document = try JSONDocument(parsing: bytes)
        self = Value(document.root, of: document)
    }

    /// Recursion is bounded by the parser's depth.
    private init(_ node: JSONNode, of document: JSONDocument) {
        switch document.kind(node) {
        case .object:
            var members: [Member] = []
            members.reserveCapacity(document.count(of: node))
            document.forEachMember(of: node) { key, value in
                members.append(Member(name: document.string(key) ?? "", value: Value(value, of: document)))
            }
            self = .object(members)
        case .array: self = .array(document.elements(of: node).map { Value($0, of: document) })
        case .string: self = .string(document.string(node) ?? "")
        case .number: self = .number(document.withUTF8(of: node) { String(decoding: $0, as: UTF8.self) })
        case .true: self = true
        case .false: self = false
        case .null: self = .null
        }
    }

    /// The value as compact JSON.
    var encoded: [UInt8] {
        var writer = JSONWriter()
        write(to: &writer)
        return writer.bytes
    }

    private func write(to writer: inout JSONWriter) {
        switch self {
        case .null: writer.null()
        case .bool(let flag): writer.bool(flag)
        case .number(let text): writer.raw(Array(text.utf8))
        case .string(let text): writer.string(text)
        case .array(let elements):
            writer.array { writer in
                for element in elements { element.write(to: &writer) }
            }
        case .object(let members):
            writer.object { writer in
                for member in members {
                    writer.key(member.name)
                    member.value.write(to: &writer)
                }
            }
        }
    }
}
