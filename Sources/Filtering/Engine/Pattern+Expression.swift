extension Pattern {
    /// The pattern in Hyperscan's syntax, for matching bytes (no UTF-8 mode) with `^` and `$` at lines.
    var expression: String {
        var text = ""
        write(to: &text)
        return text
    }

    /// An expression that matches, at the end of a text, every text that a match may begin with, and maybe some more.
    ///
    /// P(a) = a; P(AB) = P(A) | A P(B); P(A|B) = P(A) | P(B); P(A{m,n}) = A{0,n-1} P(A), with A* for wide repeats. Being
    /// too wide costs time only: `PatternMatcher` decides.
    var prefixExpression: String {
        (prefixes.map { "(?:\($0.expression))" } ?? "(?:[^\\x00-\\xff])") + "\\z"
    }

    /// The pattern of all non-empty prefixes; `nil` if there is none.
    private var prefixes: Pattern? {
        switch self {
        case .byte: return self
        case .assertion: return nil
        case .choice(let parts):
            let found = parts.compactMap(\.prefixes)
            return found.isEmpty ? nil : .choice(found)
        case .repeated(let part, _, let max):
            guard max != 0, let first = part.prefixes else { return nil }
            let before = (max ?? 1_000) - 1
            if before == 0 { return first }
            return .sequence([.repeated(part, min: 0, max: before > 16 ? nil : before), first])
        case .sequence(let parts):
            return parts.reversed().reduce(nil as Pattern?) { rest, part in Self.prefixes(part, then: rest) }
        }
    }

    private static func prefixes(_ part: Pattern, then rest: Pattern?) -> Pattern? {
        guard let rest else { return part.prefixes }
        switch part {
        case .byte: return .sequence([part, .repeated(rest, min: 0, max: 1)])
        case .assertion: return .sequence([part, rest])
        default:
            let longer = Pattern.sequence([part, rest])
            return part.prefixes.map { .choice([$0, longer]) } ?? longer
        }
    }

    private func write(to text: inout String) {
        switch self {
        case .byte(let set): Self.write(set, to: &text)
        case .assertion(let assertion): text += assertion.expression
        case .sequence(let parts):
            for part in parts { part.write(to: &text) }
        case .choice(let parts):
            text += "(?:"
            for (index, part) in parts.enumerated() {
                if index > 0 { text += "|" }
                part.write(to: &text)
            }
            text += ")"
        case .repeated(let part, let min, let max):
            if case .byte = part {
                part.write(to: &text)
            } else {
                text += "(?:"
                part.write(to: &text)
                text += ")"
            }
            text += Self.quantifier(min: min, max: max)
        }
    }

    private static func quantifier(min: Int, max: Int?) -> String {
        switch (min, max) {
        case (0, nil): "*"
        case (1, nil): "+"
        case (0, 1): "?"
        case (let min, nil): "{\(min),}"
        case (let min, let max?): min == max ? "{\(min)}" : "{\(min),\(max)}"
        }
    }

    private static func write(_ set: ByteSet, to text: inout String) {
        let bytes = set.bytes
        if bytes.count == 1 {
            text += escaped(bytes[0])
            return
        }
        text += "["
        var index = 0
        while index < bytes.count {
            var last = index
            while last + 1 < bytes.count, bytes[last + 1] == bytes[last] + 1 { last += 1 }
            text += escaped(bytes[index])
            if last > index { text += "-" + escaped(bytes[last]) }
            index = last + 1
        }
        text += "]"
    }

    private static func escaped(_ byte: UInt8) -> String {
        if ByteSet.word.contains(byte) { return String(UnicodeScalar(byte)) }
        let digits = String(byte, radix: 16)
        return "\\x" + (digits.utf8.count == 1 ? "0" : "") + digits
    }
}

extension Pattern.Assertion {
    fileprivate var expression: String {
        switch self {
        case .wordBoundary: "\\b"
        case .notWordBoundary: "\\B"
        case .lineStart: "^"
        case .lineEnd: "$"
        case .textStart: "\\A"
        case .textEnd: "\\z"
        }
    }
}
