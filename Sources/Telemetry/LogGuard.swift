/// Keeps secrets out of log lines, whatever a caller puts into a message or its metadata.
///
/// It is a net below the rule that nobody logs secrets, not a licence: it knows names of fields and the looks of keys,
/// not every secret.
enum LogGuard {
    static let mask = "[secret]"
    /// The longest text written of one value, in bytes; what is longer ends in `…`.
    static let textBytesMax = 4_096

    /// Whether a field of this name never shows its value.
    static func isSecret(field name: String) -> Bool {
        let word = name.lowercased().filter { $0.isLetter || $0.isNumber }
        return secretFields.contains { word.hasSuffix($0) }
    }

    private static let secretFields = [
        "authorization", "apikey", "password", "passphrase", "secret", "cookie", "privatekey", "accesstoken",
        "refreshtoken", "bearertoken", "credential", "credentials",
    ]

    /// The text with what looks like a key masked, and cut to `textBytesMax`.
    static func cleaned(_ text: String) -> String {
        var text = text
        if text.utf8.count > textBytesMax {
            var end = text.utf8.index(text.startIndex, offsetBy: textBytesMax)
            while String.Index(end, within: text.unicodeScalars) == nil { end = text.utf8.index(before: end) }
            text = String(text[..<end]) + "…"
        }
        guard keyPrefixes.contains(where: { contains(text, $0) }) else { return text }
        return masking(text)
    }

    /// How keys begin: ours, and those that upstreams hand out.
    private static let keyPrefixes = ["stw_sandbox_", "stw_live_", "stw_admin_", "sk-", "Bearer ", "bearer "].map {
        Array($0.utf8)
    }

    private static func contains(_ text: String, _ prefix: [UInt8]) -> Bool {
        let found = text.utf8.withContiguousStorageIfAvailable { bytes in
            guard bytes.count >= prefix.count else { return false }
            return (0...(bytes.count - prefix.count)).contains { start in
                bytes[start] == prefix[0] && prefix.indices.allSatisfy { bytes[start + $0] == prefix[$0] }
            }
        }
        // What can't be looked at quickly is masked, which looks at all of it.
        return found ?? true
    }

    /// Replaces what follows a prefix, if it is at least eight characters of a key, by the mask.
    private static func masking(_ text: String) -> String {
        let bytes = Array(text.utf8)
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count)
        var position = 0
        while position < bytes.count {
            let rest = bytes[position...]
            let isWordStart = position == 0 || !isKeyByte(bytes[position - 1])
            let prefix = isWordStart ? keyPrefixes.first(where: { rest.starts(with: $0) }) : nil
            guard let prefix else {
                output.append(bytes[position])
                position += 1
                continue
            }
            let body = rest.dropFirst(prefix.count).prefix(while: isKeyByte)
            output.append(contentsOf: prefix)
            output.append(contentsOf: body.count >= 8 ? Array(mask.utf8) : Array(body))
            position += prefix.count + body.count
        }
        return String(decoding: output, as: UTF8.self)
    }

    private static func isKeyByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="):
            true
        default: false
        }
    }
}
