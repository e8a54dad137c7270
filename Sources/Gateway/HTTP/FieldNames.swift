/// A short list of header field names.
struct FieldNames: Sendable {
    private let names: [[UInt8]]

    init(_ names: Set<String>) {
        self.names = names.sorted().map { Array($0.utf8) }
    }

    /// Appends the fields of `head` that are in the list, but those whose value has room for what nobody screens.
    func copy(from head: HeadFields, to fields: inout WrittenFields) {
        guard !names.isEmpty else { return }
        head.bytes.withUnsafeBufferPointer { bytes in
            for field in head.fields {
                let name = UnsafeBufferPointer(rebasing: bytes[Int(field.nameStart)..<Int(field.nameEnd)])
                guard holds(name) else { continue }
                let value = UnsafeBufferPointer(rebasing: bytes[Int(field.valueStart)..<Int(field.valueEnd)])
                if Self.isHarmless(value) { fields.append(name: name, value: value) }
            }
        }
    }

    private static let valueBytesMax = 512
    private static let digitsMax = 11

    /// Whether a value is short and has no number that may be somebody's. A trace's ids may have many digits.
    private static func isHarmless(_ value: UnsafeBufferPointer<UInt8>) -> Bool {
        guard value.count <= valueBytesMax else { return false }
        if isTrace(value) { return true }
        var digits = 0
        return value.allSatisfy { byte in
            switch byte {
            case 0x30...0x39: digits += 1
            case 0x20, 0x2D, 0x2E: break
            default: digits = 0
            }
            return digits <= digitsMax
        }
    }

    /// `traceparent` of W3C's Trace Context: 2, 32, 16 and 2 hexadecimal digits.
    private static func isTrace(_ value: UnsafeBufferPointer<UInt8>) -> Bool {
        value.count == 55
            && value.enumerated().allSatisfy { place, byte in
                switch place {
                case 2, 35, 52: byte == 0x2D
                default: (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
                }
            }
    }

    private func holds(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        for index in names.indices where names[index].count == name.count {
            if names[index].elementsEqual(name) { return true }
        }
        return false
    }
}
