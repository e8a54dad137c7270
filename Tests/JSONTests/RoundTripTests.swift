import JSON
import Testing

@Suite("Documents: parse, look around, serialise")
struct RoundTripTests {
    @Test("reads every spelling of a tree as the tree, and writes it in one way", arguments: 0..<200)
    func readsSpellings(seed: Int) throws {
        var documents = Documents(seed: UInt64(seed))
        let value = documents.value()
        let spelled = try JSONDocument(parsing: Array(documents.spelling(of: value).utf8))
        #expect(Value(spelled.root, of: spelled) == value)
        #expect(spelled.serialised() == value.text)
        // A text that is written like that already takes the way of one copy.
        let canonical = try JSONDocument(parsing: Array(value.text.utf8))
        #expect(canonical.serialised() == value.text)
    }

    @Test("writes any single value of a document", arguments: 0..<50)
    func writesParts(seed: Int) throws {
        var documents = Documents(seed: UInt64(seed))
        let document = try JSONDocument(parsing: Array(documents.spelling(of: documents.object()).utf8))
        document.forEachMember(of: document.root) { key, value in
            var output: [UInt8] = []
            document.serialise(value, into: &output)
            #expect(String(decoding: output, as: UTF8.self) == Value(value, of: document).text)
        }
    }

    @Test("gives pointers that lead back to the node", arguments: 0..<50)
    func givesPointers(seed: Int) throws {
        var documents = Documents(seed: UInt64(seed))
        let document = try JSONDocument(parsing: Array(documents.spelling(of: documents.object()).utf8))
        for node in document.nodes {
            let found = try #require(document.node(at: document.pointer(to: node)))
            #expect(found.index == node.index + (document.isKey(node) ? 1 : 0))
        }
    }

    @Test("can be written by the writer and read again", arguments: 0..<100)
    func writerAgrees(seed: Int) throws {
        var documents = Documents(seed: UInt64(seed))
        let value = documents.value()
        var writer = JSONWriter()
        writer.write(value)
        #expect(String(decoding: writer.bytes, as: UTF8.self) == value.text)
    }

    @Test("writes numbers that read as the same number")
    func writesNumbers() throws {
        let integers = [0, 1, -1, 10, 1_234_567_890, .max, .min]
        let doubles = [
            0, -0.0, 0.1, 1e300, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 1e21, 123_456_789.125, 1e16,
        ]
        var writer = JSONWriter()
        writer.array { writer in
            for integer in integers { writer.int(integer) }
            for double in doubles { writer.double(double) }
            writer.double(.nan)
            writer.double(.infinity)
        }
        let document = try JSONDocument(parsing: writer.bytes)
        let nodes = Array(document.elements(of: document.root))
        #expect(nodes.prefix(integers.count).map { document.int($0) } == integers)
        #expect(nodes.dropFirst(integers.count).dropLast(2).map { document.double($0) } == doubles)
        #expect(nodes.suffix(2).allSatisfy { document.isNull($0) })
    }
}

extension JSONDocument {
    /// Follows an RFC 6901 pointer.
    fileprivate func node(at pointer: String) -> JSONNode? {
        var node = root
        for part in pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
            let name = part.replacing("~1", with: "/").replacing("~0", with: "~")
            if kind(node) == .array {
                guard let index = Int(name), index < count(of: node) else { return nil }
                node = Array(elements(of: node))[index]
            } else {
                guard let member = member(String(name), of: node) else { return nil }
                node = member
            }
        }
        return node
    }
}

extension JSONWriter {
    mutating func write(_ value: Value) {
        switch value {
        case .object(let members):
            object { writer in
                for member in members {
                    writer.key(member.key)
                    writer.write(member.value)
                }
            }
        case .array(let elements): array { writer in for element in elements { writer.write(element) } }
        case .string(let text): string(text)
        case .number(let text): raw(Array(text.utf8))
        case .bool(let truth): bool(truth)
        case .null: null()
        }
    }
}
