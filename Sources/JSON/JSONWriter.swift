/// Writes compact JSON from top to bottom; it places the commas.
///
/// Strings are well-formed because `String` is; nesting is the caller's duty and is checked when an end does not fit.
package struct JSONWriter: Sendable {
    package private(set) var bytes: [UInt8] = []
    private var needsComma = false
    private var depth = 0

    package init(capacity: Int = 256) {
        bytes.reserveCapacity(capacity)
    }

    // MARK: Objects and arrays

    package mutating func beginObject() { begin(0x7B) }
    package mutating func endObject() { end(0x7D) }
    package mutating func beginArray() { begin(0x5B) }
    package mutating func endArray() { end(0x5D) }

    /// Writes an object whose members `body` writes.
    package mutating func object<E: Error>(_ body: (inout JSONWriter) throws(E) -> Void) throws(E) {
        beginObject()
        try body(&self)
        endObject()
    }

    /// Writes an array whose elements `body` writes.
    package mutating func array<E: Error>(_ body: (inout JSONWriter) throws(E) -> Void) throws(E) {
        beginArray()
        try body(&self)
        endArray()
    }

    /// Writes a member's name; its value comes next.
    package mutating func key(_ name: String) {
        string(name)
        bytes.append(0x3A)
        needsComma = false
    }

    package mutating func key(_ name: StaticString) {
        string(utf8: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        bytes.append(0x3A)
        needsComma = false
    }

    // MARK: Values

    package mutating func string(_ text: String) {
        var text = text
        text.withUTF8 { string(utf8: $0) }
    }

    /// - Parameter utf8: valid UTF-8.
    package mutating func string(utf8: [UInt8]) {
        utf8.withUnsafeBufferPointer { string(utf8: $0) }
    }

    /// - Parameter utf8: valid UTF-8.
    package mutating func string(utf8: UnsafeBufferPointer<UInt8>) {
        comma()
        JSONWriter.append(utf8, to: &bytes)
    }

    package mutating func int(_ value: Int) {
        comma()
        guard value != 0 else { return bytes.append(0x30) }
        if value < 0 { bytes.append(0x2D) }
        let first = bytes.count
        var rest = value.magnitude
        while rest > 0 {
            bytes.append(0x30 + UInt8(rest % 10))
            rest /= 10
        }
        bytes[first...].reverse()
    }

    /// Writes the shortest text that reads as the same binary64; `null` if it is not finite, which JSON cannot say.
    package mutating func double(_ value: Double) {
        guard value.isFinite else { return null() }
        comma()
        bytes.append(contentsOf: value.description.utf8)
    }

    package mutating func bool(_ value: Bool) { raw(value ? "true" : "false") }

    package mutating func null() { raw("null") }

    /// Writes a value that is JSON already.
    package mutating func raw(_ json: [UInt8]) {
        comma()
        bytes.append(contentsOf: json)
    }

    package mutating func raw(_ json: StaticString) {
        comma()
        bytes.append(contentsOf: UnsafeBufferPointer(start: json.utf8Start, count: json.utf8CodeUnitCount))
    }

    /// Writes a value of a parsed document, compact.
    package mutating func value(_ node: JSONNode, of document: JSONDocument) {
        comma()
        document.serialise(node, into: &bytes)
    }

    /// Appends text as a JSON string, quotes included.
    ///
    /// - Parameter utf8: valid UTF-8.
    package static func append(_ utf8: UnsafeBufferPointer<UInt8>, to output: inout [UInt8]) {
        output.append(0x22)
        var at = 0
        while at < utf8.count {
            let end = at + Bytes.plainCount(utf8, from: at)
            output.append(contentsOf: utf8[at..<end])
            guard end < utf8.count else { break }
            Bytes.append(to: &output, capacity: 6) {
                Bytes.encode(UnsafeBufferPointer(rebasing: utf8[end...end]), to: $0)
            }
            at = end + 1
        }
        output.append(0x22)
    }

    // MARK: Structure

    private mutating func comma() {
        if needsComma { bytes.append(0x2C) }
        needsComma = true
    }

    private mutating func begin(_ bracket: UInt8) {
        comma()
        bytes.append(bracket)
        needsComma = false
        depth += 1
    }

    private mutating func end(_ bracket: UInt8) {
        precondition(depth > 0, "nothing is open")
        depth -= 1
        bytes.append(bracket)
        needsComma = true
    }
}

extension JSONWriter {
    /// One string as JSON.
    package static func json(_ text: String) -> [UInt8] {
        var writer = JSONWriter(capacity: text.utf8.count + 2)
        writer.string(text)
        return writer.bytes
    }

    /// A value of a document as JSON.
    package static func json(_ node: JSONNode, of document: JSONDocument) -> [UInt8] {
        var writer = JSONWriter()
        writer.value(node, of: document)
        return writer.bytes
    }
}
