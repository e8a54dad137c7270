extension JSONParser {
    /// What the caller is told of a failure: position, and the pointer that the unfinished tape gives.
    func error(for failure: Failure) -> JSONError {
        var line = 1
        var column = 1
        for at in 0..<min(failure.offset, end) {
            if base[at] == 0x0A {
                line += 1
                column = 1
            } else if base[at] & 0xC0 != 0x80 {
                column += 1
            }
        }
        return JSONError(
            problem: failure.problem, offset: failure.offset, line: line, column: column,
            pointer: pointer(for: failure.problem),
            key: failure.problem == .duplicateKey ? key(at: failure.offset) : nil)
    }

    /// Containers that are still open, each with the child in which the next one stands, and the value being read.
    private func pointer(for problem: JSONError.Problem) -> String {
        var path = JSONPointer(keyBytesMax: 64)
        var containers: [Int] = []
        var container = open
        while container >= 0 {
            containers.append(container)
            container = Int(tokens[container].next) - 1
        }
        for (place, container) in containers.reversed().enumerated() {
            let isInnermost = place == containers.count - 1
            if tokens[container].kind == .array {
                let elements = Int(tokens[container].length)
                if !isInnermost {
                    path.append(index: elements - 1)
                } else if problem.isInValue {
                    path.append(index: elements)
                }
            } else if !isInnermost {
                let child = containers[containers.count - 2 - place]
                appendKey(child - 1, to: &path)
            } else if problem.isInValue || problem == .colonExpected, tokens[count - 1].isKey {
                appendKey(count - 1, to: &path)
            }
        }
        return path.text
    }

    private func appendKey(_ token: Int, to path: inout JSONPointer) {
        Bytes.withText(of: tokens[token], in: base) { path.append(key: $0) }
    }

    private func key(at offset: Int) -> String? {
        for token in 0..<count where tokens[token].isKey && Int(tokens[token].offset) == offset + 1 {
            return Bytes.withText(of: tokens[token], in: base) { JSONPointer.shortened($0, to: 64) }
        }
        return nil
    }
}

extension JSONError.Problem {
    /// Whether it happens in, or in place of, a value rather than between values. (Inside a key it does not matter,
    /// since then no key is the last token.)
    fileprivate var isInValue: Bool {
        switch self {
        case .commaOrEndExpected, .trailingComma, .trailingBytes, .duplicateKey, .keyExpected, .colonExpected: false
        default: true
        }
    }
}

/// Builds an RFC 6901 pointer.
struct JSONPointer {
    private(set) var text = ""
    let keyBytesMax: Int

    init(keyBytesMax: Int) { self.keyBytesMax = keyBytesMax }

    mutating func append(index: Int) { text += "/\(index)" }

    mutating func append(key: UnsafeBufferPointer<UInt8>) {
        text += "/"
        for character in JSONPointer.shortened(key, to: keyBytesMax).unicodeScalars {
            switch character {
            case "~": text += "~0"
            case "/": text += "~1"
            default: text.unicodeScalars.append(character)
            }
        }
    }

    /// The text, cut between scalars to at most `bytesMax` bytes, with `…` if something was cut.
    static func shortened(_ text: UnsafeBufferPointer<UInt8>, to bytesMax: Int) -> String {
        guard text.count > bytesMax else { return String(decoding: text, as: UTF8.self) }
        var end = bytesMax
        while end > 0, text[end] & 0xC0 == 0x80 { end -= 1 }
        return String(decoding: text[..<end], as: UTF8.self) + "…"
    }
}
