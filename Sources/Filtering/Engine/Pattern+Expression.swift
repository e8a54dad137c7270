extension Pattern {
    /// The pattern in Hyperscan's syntax, for matching bytes (no UTF-8 mode) with `^` and `$` at lines.
    var expression: String {
        var text = ""
        write(to: &text)
        return text
    }

    /// What Hyperscan searches for: the pattern itself, or of some patterns only how they end.
    ///
    /// Matches may end wherever this does, and nowhere else; `PatternMatcher` decides. Large alternatives of words with
    /// repeats would take Hyperscan minutes to compile; a leading `\\b[a-z]{1,64}` would make it follow every word.
    func searchExpression(_ view: Rule.View) -> String {
        view == .skeleton ? ending.expression : withoutLeadingRun.expression
    }

    /// From a rare character on, where only a run of common ones stands before it, such as from the @ of an address.
    private var withoutLeadingRun: Pattern {
        guard case .sequence(let parts) = self, let rare = parts.firstIndex(where: \.isRare), rare > 0 else {
            return self
        }
        let isRun = parts[..<rare].allSatisfy { part in
            switch part {
            case .assertion: true
            case .repeated(.byte(let set), _, _): set.count > 20
            default: false
            }
        }
        return isRun && width.min >= 5 ? .sequence(Array(parts[rare...])) : self
    }

    private var ending: Pattern {
        guard expandedSize > Self.largeSize else { return self }
        switch self {
        case .byte, .assertion: return self
        case .repeated(let part, let min, let max):
            return .repeated(part.relaxed, min: min, max: max.flatMap { $0 > 3 ? nil : $0 })
        case .choice(let parts): return .choice(parts.map(\.ending))
        case .sequence(let parts):
            var suffix: [Pattern] = []
            for part in parts.reversed() {
                suffix.insert(part.ending, at: 0)
                let width = Pattern.sequence(suffix).width.min
                if width >= 7 || (width >= 5 && part.isRare) { break }
            }
            return .sequence(suffix)
        }
    }

    private static let largeSize = 100

    /// Whether few places of a text have it: a word, or a character that is no letter.
    private var isRare: Bool {
        switch self {
        case .byte(let set): set.count <= 2 && set.intersection(.word).isEmpty
        case .choice(let parts): parts.allSatisfy { $0.width.min >= 4 }
        case .sequence, .repeated, .assertion: false
        }
    }

    /// The same with wide repeats of more than a byte left without a bound: matches more, and fits where the exact one is
    /// too large for Hyperscan. `PatternMatcher` decides, so this costs time only.
    var relaxedExpression: String { relaxed.expression }

    private var relaxed: Pattern {
        switch self {
        case .byte, .assertion: self
        case .sequence(let parts): .sequence(parts.map(\.relaxed))
        case .choice(let parts): .choice(parts.map(\.relaxed))
        case .repeated(let part, let min, let max):
            .repeated(part.relaxed, min: min, max: max.flatMap { $0 > 3 ? nil : $0 })
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
        // Of texts that are searched together, each begins and ends at a line.
        case .lineStart, .textStart: "^"
        case .lineEnd, .textEnd: "$"
        }
    }
}
