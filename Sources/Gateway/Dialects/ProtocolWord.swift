internal import JSON

/// What a word of the protocol looks like. The look is asked besides the place, because some chat templates print such
/// fields, and text could be sent in them.
enum ProtocolWord {
    /// Whether a string is one short word that no rule is for: small letters and `_`; or a UUID, of which one in some
    /// thousands would pass for a bank account by chance.
    static func isPlain(_ node: JSONNode, in document: JSONDocument) -> Bool {
        guard document.kind(node) == .string, document.utf8CountMax(of: node) <= 36 else { return false }
        return document.withUTF8(of: node) { text in
            text.count <= 32 && text.allSatisfy { (0x61...0x7A).contains($0) || $0 == 0x5F } || isUUID(text)
        }
    }

    /// Eight, four, four, four and twelve hexadecimal digits, not all of them decimal.
    private static func isUUID(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard text.count == 36 else { return false }
        var letters = 0
        for (index, byte) in text.enumerated() {
            switch (index, byte) {
            case (8, 0x2D), (13, 0x2D), (18, 0x2D), (23, 0x2D): continue
            case (8, _), (13, _), (18, _), (23, _): return false
            case (_, 0x30...0x39): continue
            case (_, 0x61...0x66), (_, 0x41...0x46): letters += 1
            default: return false
            }
        }
        return letters >= 4
    }

    /// Whether a string is short and of letters, digits and the signs that ids have; whether a number is short.
    static func isOne(_ node: JSONNode, in document: JSONDocument) -> Bool {
        guard document.utf8CountMax(of: node) <= 128 else { return false }
        let isNumber = document.kind(node) == .number
        return document.withUTF8(of: node) { text in
            // So many digits may be a number that is somebody's, whatever signs part them.
            var digits = 0
            return text.allSatisfy { byte in
                switch byte {
                case 0x30...0x39:
                    digits += 1
                    return digits < Passage.digitsMin
                case 0x2B where isNumber: return true
                case 0x2D, 0x2E, 0x2F, 0x3A, 0x5F: return true
                case 0x41...0x5A, 0x61...0x7A:
                    if !isNumber { digits = 0 }
                    return true
                default: return false
                }
            }
        }
    }

    /// Whether a number is what measuring gives: a short whole part, whatever its decimals.
    static func isQuantity(_ node: JSONNode, in document: JSONDocument) -> Bool {
        document.withUTF8(of: node) { text in
            let number = text.first == 0x2D ? text[1...] : text[...]
            let whole = number.prefix { (0x30...0x39).contains($0) }
            guard whole.count < Passage.digitsMin else { return false }
            guard let sign = number.firstIndex(where: { $0 | 0x20 == 0x65 }) else { return true }
            return text[sign + 1] == 0x2D
        }
    }

    /// Whether a number is an integer of no more digits than one of 64 bits has, which is what generators take as a seed.
    static func isSeed(_ node: JSONNode, in document: JSONDocument) -> Bool {
        document.withUTF8(of: node) { text in
            let digits = text.first == 0x2D ? text[1...] : text[...]
            return digits.count <= 20 && digits.allSatisfy { (0x30...0x39).contains($0) }
        }
    }

    /// Whether a value can't say anything: a word of the protocol, or a number that is nobody's.
    static func isHarmless(_ node: JSONNode, in document: JSONDocument) -> Bool {
        switch document.kind(node) {
        case .string, .number: isOne(node, in: document)
        case .true, .false, .null: true
        case .object, .array: false
        }
    }

    /// Whether a string is base 64 that no text filter could read, alone or as a `data:` address: not short, and without
    /// the digits of anybody's number, which stand in a mebibyte of random ones once in thousands.
    static func isData(_ node: JSONNode, in document: JSONDocument) -> Bool {
        guard document.utf8CountMax(of: node) >= dataBytesMin else { return false }
        return document.withUTF8(of: node) { text in
            guard text.count >= dataBytesMin else { return false }
            guard text.starts(with: "data:".utf8) else { return isBase64(text[...]) }
            guard let comma = text.prefix(dataHeadBytesMax).firstIndex(of: 0x2C) else { return false }
            return isDataHead(text[5..<comma]) && isBase64(text[(comma + 1)...])
        }
    }

    private static let dataBytesMin = 64
    private static let dataHeadBytesMax = 64

    private static func isBase64(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        var digits = 0
        return text.allSatisfy { byte in
            switch byte {
            case 0x41...0x5A, 0x61...0x7A: digits = 0
            case 0x30...0x39: digits += 1
            default: break
            }
            return isOfBase64(byte) && digits < Passage.digitsMin
        }
    }

    /// Whether this is what stands between `data:` and the comma: a media type, maybe a parameter, and `;base64`.
    private static func isDataHead(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
        let mark = ";base64".utf8
        guard text.count >= mark.count, text.suffix(mark.count).elementsEqual(mark) else { return false }
        var digits = 0
        return text.allSatisfy { byte in
            if (0x30...0x39).contains(byte) { digits += 1 }
            return CharacterClass.isToken(byte) || byte == 0x2F || byte == 0x3B || byte == 0x3D
        } && digits < Passage.digitsMin
    }

    /// Whether a string has no other characters than base 64 has, however short it is.
    static func isOfBase64(_ node: JSONNode, in document: JSONDocument) -> Bool {
        document.withUTF8(of: node) { $0.allSatisfy(isOfBase64) }
    }

    private static func isOfBase64(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2F, 0x3D, 0x2D, 0x5F: true
        default: false
        }
    }

    /// What these APIs say in every answer, or nothing.
    static func isConstant(_ node: JSONNode, in document: JSONDocument) -> Bool {
        document.utf8CountMax(of: node) == 0 || document.utf8Equals(node, "assistant")
            || document.utf8Equals(node, "function")
    }

    /// Keys of streamed choices under which protocol words stand.
    private static let keys: [StaticString] = ["role", "type", "id"]

    static func isKeyOfOne(_ key: JSONNode, in document: JSONDocument) -> Bool {
        keys.contains { document.utf8Equals(key, $0) }
    }
}
