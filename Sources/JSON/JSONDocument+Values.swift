extension JSONDocument {
    // MARK: Text

    /// The decoded text of a string or key; `nil` for everything else.
    package func string(_ node: JSONNode) -> String? {
        guard token(node).kind == .string else { return nil }
        return withUTF8(of: node) { String(decoding: $0, as: UTF8.self) }
    }

    /// Calls `body` with the decoded text of a string or key, or with a number's own text; empty for everything else.
    ///
    /// Without a copy if the text has no escapes. The pointer is valid only within the call.
    @inline(__always)
    package func withUTF8<R, E: Error>(
        of node: JSONNode, _ body: (UnsafeBufferPointer<UInt8>) throws(E) -> R
    ) throws(E) -> R {
        let token = token(node)
        return try bytes.withUnsafeBufferPointer { buffer throws(E) in
            guard token.kind == .string || token.kind == .number else {
                return try body(UnsafeBufferPointer(start: nil, count: 0))
            }
            let raw = UnsafeBufferPointer(rebasing: buffer[Int(token.offset)..<Int(token.offset) + Int(token.length)])
            guard token.isEscaped else { return try body(raw) }
            let decoded = Bytes.decoded(raw)
            return try decoded.withUnsafeBufferPointer(body)
        }
    }

    /// Appends the decoded text of a string or key, or a number's own text.
    package func appendUTF8(of node: JSONNode, to output: inout [UInt8]) {
        let token = token(node)
        guard token.kind == .string || token.kind == .number else { return }
        bytes.withUnsafeBufferPointer { buffer in
            let raw = UnsafeBufferPointer(rebasing: buffer[Int(token.offset)..<Int(token.offset) + Int(token.length)])
            guard token.isEscaped else { return output.append(contentsOf: raw) }
            Bytes.append(to: &output, capacity: raw.count) { Bytes.decode(raw, to: $0) }
        }
    }

    /// Bytes of the text in `bytes`, at least as many as its decoded text has.
    package func utf8CountMax(of node: JSONNode) -> Int {
        let token = token(node)
        return token.kind == .string ? Int(token.length) : 0
    }

    /// Whether a string or key reads `text`; false for everything else.
    package func utf8Equals(_ node: JSONNode, _ text: StaticString) -> Bool {
        let token = token(node)
        guard token.kind == .string else { return false }
        return bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return false }
            let wanted = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
            return Bytes.equal(token, in: base, wanted)
        }
    }

    // MARK: Numbers and truth

    /// A number that is an integer within `Int`, exactly (`3`, `3.0` and `30e-1` are the same); `nil` otherwise.
    package func int(_ node: JSONNode) -> Int? {
        guard token(node).kind == .number else { return nil }
        return withUTF8(of: node) { JSONNumber($0).integer }
    }

    /// Appends the digits that a number's reader sees: a long whole part without exponent, and its decimals behind a point
    /// (4.2e12 is 4200000000000); of any other number those in front of its exponent, without the point.
    package func appendDigits(of node: JSONNode, to output: inout [UInt8]) {
        guard token(node).kind == .number else { return }
        withUTF8(of: node) { text in
            let number = JSONNumber(text)
            guard Self.wholePlaces.contains(number.exponent) else {
                for byte in text.prefix(while: { $0 | 0x20 != 0x65 }) where byte &- 0x30 < 10 { output.append(byte) }
                return
            }
            var places = 0
            for at in number.significant where text[at] != 0x2E {
                if places == number.exponent { output.append(0x2E) }
                output.append(text[at])
                places += 1
            }
            if places < number.exponent {
                output.append(contentsOf: repeatElement(0x30, count: number.exponent - places))
            }
        }
    }

    /// Places of a whole part that is written out; the upper bound keeps it from growing with the exponent.
    private static let wholePlaces = 10...64

    /// The nearest binary64 of a number, always finite; `nil` for everything else.
    package func double(_ node: JSONNode) -> Double? {
        guard token(node).kind == .number else { return nil }
        return withUTF8(of: node) { Double(String(decoding: $0, as: UTF8.self)) }
    }

    package func bool(_ node: JSONNode) -> Bool? {
        switch token(node).kind {
        case .true: true
        case .false: false
        default: nil
        }
    }

    package func isNull(_ node: JSONNode) -> Bool { token(node).kind == .null }
}

extension Bytes {
    static func decoded(_ raw: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: raw.count) { buffer, count in
            guard let start = buffer.baseAddress else { return }
            count = decode(raw, to: start)
        }
    }

    /// Appends what `write` writes, at most `capacity` bytes; it returns how many.
    @inline(__always)
    static func append(
        to output: inout [UInt8], capacity: Int, _ write: (UnsafeMutablePointer<UInt8>) -> Int
    ) {
        guard capacity > 0 else { return }
        output.append(addingCapacity: capacity) { span in
            span.withUnsafeMutableBufferPointer { buffer, count in
                guard let start = buffer.baseAddress else { return }
                count += write(start + count)
            }
        }
    }
}
