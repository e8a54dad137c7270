import JSON
import Testing

@Suite("Edits")
struct EditTests {
    private func document(_ text: String) throws -> JSONDocument { try JSONDocument(parsing: Array(text.utf8)) }

    @Test("writes what a tree with the same edits would", arguments: 0..<300)
    func agreesWithTree(seed: Int) throws {
        var documents = Documents(seed: UInt64(seed))
        let value = documents.object()
        let document = try document(seed % 2 == 0 ? value.text : documents.spelling(of: value))
        var edits = JSONEdits()
        var changes = Changes()
        // In a random order of nodes, some of them within others.
        for node in document.nodes.shuffled(using: &documents.random) where documents.random.below(4) == 0 {
            add(node, of: document, &documents, &edits, &changes)
        }
        let expected = changes.apply(to: document.root, of: document)
        #expect(document.serialised(edits) == expected.text)
    }

    private func add(
        _ node: JSONNode, of document: JSONDocument, _ documents: inout Documents, _ edits: inout JSONEdits,
        _ changes: inout Changes
    ) {
        let text = documents.text()
        if document.isKey(node) {
            if documents.random.below(2) == 0 {
                edits.removeMember(node)
                changes.removed.insert(node)
            } else {
                // A name that no other key has.
                let name = "renamed \(node.index) \(text)"
                edits.replace(node, withString: Array(name.utf8))
                changes.renamed[node] = name
            }
        } else if document.kind(node) == .object, documents.random.below(2) == 0 {
            let name = "added \(text)"
            edits.setMember(Array(name.utf8), raw: Array("[0]".utf8), of: node)
            edits.setMember(Array(name.utf8), raw: Array("[1]".utf8), of: node)
            edits.setMember("last", raw: Array("[2]".utf8), of: node)
            changes.added[node] = [name, "last"]
        } else if documents.random.below(2) == 0 {
            edits.replace(node, withString: Array("first".utf8))
            edits.replace(node, withString: Array(text.utf8))
            changes.replaced[node] = .string(text)
        } else {
            let value = documents.value()
            edits.replace(node, withRaw: Array(value.text.utf8))
            changes.replaced[node] = value
        }
    }

    struct Changes {
        var removed: Set<JSONNode> = []
        var renamed: [JSONNode: String] = [:]
        var replaced: [JSONNode: Value] = [:]
        var added: [JSONNode: [String]] = [:]

        func apply(to node: JSONNode, of document: JSONDocument) -> Value {
            if let value = replaced[node] { return value }
            switch Value(node, of: document) {
            case .object:
                var members: [Value.Member] = []
                document.forEachMember(of: node) { key, value in
                    guard !removed.contains(key) else { return }
                    let name = renamed[key] ?? document.string(key) ?? "?"
                    members.append(Value.Member(key: name, value: apply(to: value, of: document)))
                }
                for (place, name) in (added[node] ?? []).enumerated() {
                    members.append(Value.Member(key: name, value: .array([.number("\(place + 1)")])))
                }
                return .object(members)
            case .array: return .array(document.elements(of: node).map { apply(to: $0, of: document) })
            case let value: return value
            }
        }
    }

    @Test("sets a member where it stands, also under an escaped name, or at the end")
    func setsMembers() throws {
        let document = try document(#"{"m\u0061x":{"deep":[1]},"n":1,"o":{}}"#)
        var edits = JSONEdits()
        let other = try #require(document.member("o", of: document.root))
        edits.setMember("x", raw: Array("5".utf8), of: other)
        edits.setMember("max", raw: Array("2".utf8), of: document.root)
        edits.setMember("z", raw: Array("4".utf8), of: document.root)
        edits.setMember("max", raw: Array("3".utf8), of: document.root)
        // Inside of what is replaced: dropped.
        let max = try #require(document.member("max", of: document.root))
        let deep = try #require(document.member("deep", of: max))
        edits.replace(deep, withRaw: Array("0".utf8))
        #expect(document.serialised(edits) == #"{"max":3,"n":1,"o":{"x":5},"z":4}"#)
    }

    @Test("lets the later of two edits of one member win")
    func laterWins() throws {
        let document = try document(#"{"a":1,"b":2}"#)
        let key = try #require(document.memberKey("a", of: document.root))
        var edits = JSONEdits()
        edits.removeMember(key)
        edits.setMember("a", raw: Array("3".utf8), of: document.root)
        #expect(document.serialised(edits) == #"{"a":3,"b":2}"#)
        edits.removeMember(key)
        #expect(document.serialised(edits) == #"{"b":2}"#)
    }

    @Test("adds to an object that loses all its members, and to an empty one")
    func editsToEmpty() throws {
        let document = try document(#"{"a":1}"#)
        var edits = JSONEdits()
        edits.removeMember(try #require(document.memberKey("a", of: document.root)))
        #expect(document.serialised(edits) == "{}")
        edits.setMember("b", raw: Array("true".utf8), of: document.root)
        #expect(document.serialised(edits) == #"{"b":true}"#)
    }

    @Test("replaces a document that is one scalar, and escapes what it writes")
    func replacesRoot() throws {
        let document = try document("1")
        var edits = JSONEdits()
        edits.replace(document.root, withString: Array("a\"\u{1}\u{2028}".utf8))
        #expect(document.serialised(edits) == "\"a\\\"\\u0001\u{2028}\"")
    }
}
