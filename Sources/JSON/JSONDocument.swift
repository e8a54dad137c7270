/// A strictly parsed JSON text: its bytes and a tape of what stands where.
///
/// A value that never changes: cheap to copy (two references), safe to keep and to share. Nodes mean something only in
/// the document that gave them.
package struct JSONDocument: Sendable {
    /// The text as it came.
    package let bytes: [UInt8]
    let tape: JSONTape

    /// Parses all of `bytes`, which are kept, not copied.
    ///
    /// Linear time, no recursion; 16 bytes of memory for every value and key, at most eight times the text.
    /// - Throws: what is wrong, and where.
    package init(parsing bytes: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONError) {
        self.bytes = bytes
        tape = try bytes.withUnsafeBufferPointer { buffer throws(JSONError) in
            try JSONParser.tape(of: buffer, limits: limits)
        }
    }

    package var root: JSONNode { JSONNode(index: 0) }

    /// Values and keys together.
    package var nodeCount: Int { tape.count }

    /// All values and keys in the order of the text, the root first.
    package var nodes: some RandomAccessCollection<JSONNode> {
        (0..<tape.count).lazy.map { JSONNode(index: Int32($0)) }
    }

    @inline(__always)
    func token(_ node: JSONNode) -> JSONToken {
        precondition(node.index >= 0 && Int(node.index) < tape.count, "the node belongs to another document")
        return tape.tokens[Int(node.index)]
    }

    package func kind(_ node: JSONNode) -> JSONKind { token(node).kind }

    /// Whether the node is the name of a member rather than a value.
    package func isKey(_ node: JSONNode) -> Bool { token(node).isKey }

    /// Members of an object or elements of an array; 0 for everything else.
    package func count(of node: JSONNode) -> Int {
        let token = token(node)
        return token.kind == .object || token.kind == .array ? Int(token.length) : 0
    }

    /// Where the value stands in `bytes`: a string without its quotes and undecoded, a number's own text; of objects
    /// and arrays only the opening bracket.
    package func source(of node: JSONNode) -> Range<Int> {
        let token = token(node)
        let isContainer = token.kind == .object || token.kind == .array
        return Int(token.offset)..<Int(token.offset) + (isContainer ? 1 : Int(token.length))
    }

    // MARK: Objects and arrays

    /// The value of a member; `nil` if there is none or `object` is no object. Linear in the number of members.
    package func member(_ key: StaticString, of object: JSONNode) -> JSONNode? {
        memberKey(key, of: object).map { JSONNode(index: $0.index + 1) }
    }

    /// The value of a member, by a name that is not known to the compiler.
    package func member(_ key: String, of object: JSONNode) -> JSONNode? {
        var key = key
        return key.withUTF8 { memberKey($0, of: object) }.map { JSONNode(index: $0.index + 1) }
    }

    /// The key of a member, for `JSONEdits.removeMember`.
    package func memberKey(_ key: StaticString, of object: JSONNode) -> JSONNode? {
        memberKey(UnsafeBufferPointer(start: key.utf8Start, count: key.utf8CodeUnitCount), of: object)
    }

    func memberKey(_ name: UnsafeBufferPointer<UInt8>, of object: JSONNode) -> JSONNode? {
        let container = token(object)
        guard container.kind == .object else { return nil }
        return bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return nil }
            var key = Int(object.index) + 1
            while key < Int(container.next) {
                if Bytes.equal(tape.tokens[key], in: base, name) { return JSONNode(index: Int32(key)) }
                key = Int(tape.tokens[key + 1].next)
            }
            return nil
        }
    }

    /// Calls `body` with every member in order; with none if `object` is no object.
    package func forEachMember<E: Error>(
        of object: JSONNode, _ body: (_ key: JSONNode, _ value: JSONNode) throws(E) -> Void
    ) throws(E) {
        let container = token(object)
        guard container.kind == .object else { return }
        var key = Int(object.index) + 1
        while key < Int(container.next) {
            try body(JSONNode(index: Int32(key)), JSONNode(index: Int32(key + 1)))
            key = Int(tape.tokens[key + 1].next)
        }
    }

    /// The elements in order; empty if `array` is no array.
    package func elements(of array: JSONNode) -> Elements {
        let container = token(array)
        let isArray = container.kind == .array
        return Elements(tape: tape, index: array.index + 1, end: isArray ? Int32(container.next) : array.index + 1)
    }

    package struct Elements: Sequence, IteratorProtocol {
        let tape: JSONTape
        var index: Int32
        let end: Int32

        package mutating func next() -> JSONNode? {
            guard index < end else { return nil }
            let node = JSONNode(index: index)
            index = Int32(tape.tokens[Int(index)].next)
            return node
        }
    }

    // MARK: Places

    /// The node behind a value with all that is in it.
    package func end(of value: JSONNode) -> JSONNode { JSONNode(index: Int32(token(value).next)) }

    /// The RFC 6901 pointer to a value (a key's is its value's). Slow: walks from the root.
    package func pointer(to node: JSONNode) -> String {
        let target = token(node).isKey ? Int(node.index) + 1 : Int(node.index)
        var path = JSONPointer(keyBytesMax: .max)
        var container = 0
        while container < target {
            let isObject = tape.tokens[container].kind == .object
            var child = container + 1
            var index = 0
            // The child whose subtree holds the target.
            while true {
                let value = isObject ? child + 1 : child
                if target < Int(tape.tokens[value].next) {
                    if isObject {
                        withUTF8(of: JSONNode(index: Int32(child))) { path.append(key: $0) }
                    } else {
                        path.append(index: index)
                    }
                    container = value
                    break
                }
                child = Int(tape.tokens[value].next)
                index += 1
            }
        }
        return path.text
    }
}

extension Bytes {
    /// Whether a string token's decoded text is `text`.
    @inline(__always)
    static func equal(
        _ token: JSONToken, in base: UnsafePointer<UInt8>, _ text: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        if !token.isEscaped {
            guard Int(token.length) == text.count else { return false }
            guard let start = text.baseAddress else { return true }
            return equal(base + Int(token.offset), start, text.count)
        }
        guard Int(token.length) > text.count, Int(token.length) <= text.count * 6 else { return false }
        return withText(of: token, in: base) { $0.count == text.count && $0.elementsEqual(text) }
    }
}
