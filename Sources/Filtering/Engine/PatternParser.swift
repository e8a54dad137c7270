/// What a pattern contains that rules may not use.
struct PatternError: Error {
    var reason: String
    /// Bytes into the pattern.
    var offset: Int
}

/// Reads the part of PCRE's syntax that all three machines of a rule can follow.
struct PatternParser {
    private let scalars: [Unicode.Scalar]
    private var index = 0
    private var depth = 0
    private var folding: PatternFolding

    /// - Throws: `PatternError`: what is not supported, where, and what to write instead.
    static func parse(_ text: String, folding: PatternFolding) throws(PatternError) -> Pattern {
        var parser = PatternParser(text, folding)
        let pattern = try parser.choice()
        guard parser.index == parser.scalars.count else { throw parser.error("a `)` closes nothing: write \\)") }
        return pattern
    }

    private init(_ text: String, _ folding: PatternFolding) {
        scalars = Array(text.unicodeScalars)
        self.folding = folding
    }

    private func error(_ reason: String) -> PatternError {
        PatternError(reason: reason, offset: scalars[..<min(index, scalars.count)].reduce(0) { $0 + UTF8.width($1) })
    }

    private var next: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
        guard next == scalar else { return false }
        index += 1
        return true
    }

    private mutating func take(_ text: String) -> Bool {
        guard scalars[index...].starts(with: text.unicodeScalars) else { return false }
        index += text.unicodeScalars.count
        return true
    }

    private mutating func choice() throws(PatternError) -> Pattern {
        var branches = [try sequence()]
        while take("|" as Unicode.Scalar) { branches.append(try sequence()) }
        return branches.count == 1 ? branches[0] : .choice(branches)
    }

    private mutating func sequence() throws(PatternError) -> Pattern {
        var parts: [Pattern] = []
        while let scalar = next, scalar != "|", scalar != ")" {
            guard let part = try atom() else { continue }
            parts.append(try quantified(part))
        }
        for (index, part) in parts.enumerated() {
            guard case .assertion(let kind) = part, kind == .wordBoundary || kind == .notWordBoundary else { continue }
            let neighbours = [index > 0 ? parts[index - 1] : nil, index + 1 < parts.count ? parts[index + 1] : nil]
            if neighbours.contains(where: { $0?.isForeign == true }) {
                throw error("\\b knows ASCII letters only: leave it out beside a letter outside ASCII")
            }
        }
        return parts.count == 1 ? parts[0] : .sequence(parts)
    }

    private mutating func atom() throws(PatternError) -> Pattern? {
        guard let scalar = next else { return nil }
        index += 1
        switch scalar {
        case "(": return try group()
        case "[": return try bracket()
        case ".": return .byte(ByteSet([0x0A]).inverted)
        case "^": return .assertion(.lineStart)
        case "$": return .assertion(.lineEnd)
        case "\\": return try escape()
        case "*", "+", "?": throw error("`\(scalar)` follows nothing: write \\\(scalar)")
        default: return folding.pattern(scalar)
        }
    }

    private mutating func group() throws(PatternError) -> Pattern? {
        depth += 1
        defer { depth -= 1 }
        guard depth <= 32 else { throw error("groups are nested deeper than 32") }
        let outer = folding.ignoresCase
        if take("?" as Unicode.Scalar) {
            if take("i)") {
                folding.ignoresCase = true
                return nil
            }
            if take("i:") {
                folding.ignoresCase = true
            } else if take("P<")
                || (next == "<" && index + 1 < scalars.count && !"=!".unicodeScalars.contains(scalars[index + 1]))
            {
                while let scalar = next, scalar != ">" { _ = take(scalar) }
                index += 1
            } else if !take(":" as Unicode.Scalar) {
                throw error("look-around and this kind of group are not supported: use a check or context words")
            }
        }
        let inner = try choice()
        guard take(")" as Unicode.Scalar) else { throw error("a `(` is not closed") }
        folding.ignoresCase = outer
        return inner
    }

    private mutating func quantified(_ part: Pattern) throws(PatternError) -> Pattern {
        var part = part
        var repeats = 0
        while let range = try quantifier() {
            repeats += 1
            guard repeats <= Self.repeatsMax else {
                throw error("more than \(Self.repeatsMax) repeats stand in a row: write one of them")
            }
            if case .assertion = part { throw error("an assertion cannot be repeated") }
            if let max = range.max, max < range.min || max > 4_096 || range.min > 4_096 {
                throw error("the repeat {\(range.min),\(max)} is empty or above 4096")
            }
            part = .repeated(part, min: range.min, max: range.max)
            if !take("?" as Unicode.Scalar) { _ = take("+" as Unicode.Scalar) }
        }
        return part
    }

    /// Each makes the tree deeper, and trees are walked by recursion, as groups are.
    private static let repeatsMax = 8

    private mutating func quantifier() throws(PatternError) -> (min: Int, max: Int?)? {
        if take("*" as Unicode.Scalar) { return (0, nil) }
        if take("+" as Unicode.Scalar) { return (1, nil) }
        if take("?" as Unicode.Scalar) { return (0, 1) }
        let start = index
        guard take("{" as Unicode.Scalar) else { return nil }
        let min = number()
        var max = min
        if take("," as Unicode.Scalar) { max = number() }
        guard let min, take("}" as Unicode.Scalar) else {
            index = start
            throw error("`{` begins a repeat: write {2,5}, or \\{ for the character")
        }
        return (min, max)
    }

    private mutating func number() -> Int? {
        var value: Int?
        while let scalar = next, let digit = Int(String(scalar)), scalar.isASCII {
            value = Swift.min((value ?? 0) * 10 + digit, 1 << 20)
            index += 1
        }
        return value
    }
}

// MARK: - Escapes and classes

extension PatternParser {
    private mutating func escape() throws(PatternError) -> Pattern {
        guard let scalar = next else { throw error("a `\\` ends the pattern") }
        switch scalar {
        case "b": return advance(.assertion(.wordBoundary))
        case "B": return advance(.assertion(.notWordBoundary))
        case "A": return advance(.assertion(.textStart))
        case "z", "Z": return advance(.assertion(.textEnd))
        default: break
        }
        switch try member() {
        case .set(let set): return .byte(set)
        case .scalar(let scalar): return folding.pattern(scalar)
        }
    }

    private mutating func advance(_ pattern: Pattern) -> Pattern {
        index += 1
        return pattern
    }

    private enum Member {
        case set(ByteSet)
        case scalar(Unicode.Scalar)
    }

    /// What follows a `\`.
    private mutating func member() throws(PatternError) -> Member {
        guard let scalar = next else { throw error("a `\\` ends the pattern") }
        index += 1
        switch scalar {
        case "d": return .set(.digits)
        case "D": return .set(ByteSet.digits.inverted)
        case "w": return .set(.word)
        case "W": return .set(ByteSet.word.inverted)
        case "s": return .set(.space)
        case "S": return .set(ByteSet.space.inverted)
        case "h": return .set(ByteSet([0x09, 0x20]))
        case "t": return .scalar("\t")
        case "n": return .scalar("\n")
        case "r": return .scalar("\r")
        case "f": return .scalar("\u{0C}")
        case "x": return .scalar(try hexadecimal())
        default: break
        }
        if scalar.isASCII, ByteSet.word.contains(UInt8(scalar.value)) {
            throw error("\\\(scalar) is not supported")
        }
        return .scalar(scalar)
    }

    private mutating func hexadecimal() throws(PatternError) -> Unicode.Scalar {
        let braced = take("{" as Unicode.Scalar)
        var digits = ""
        while let scalar = next, scalar.properties.isASCIIHexDigit, digits.utf8.count < (braced ? 6 : 2) {
            digits.unicodeScalars.append(scalar)
            index += 1
        }
        guard let value = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(value),
            !braced || take("}" as Unicode.Scalar)
        else { throw error("\\x wants two hexadecimal digits, or \\x{…}") }
        return scalar
    }

    private mutating func bracket() throws(PatternError) -> Pattern {
        let inverted = take("^" as Unicode.Scalar)
        var set = ByteSet()
        var others: [Pattern] = []
        var isFirst = true
        while isFirst || next != "]" {
            isFirst = false
            switch try bracketMember() {
            case .set(let members): set = set.union(members)
            case .scalar(let first): try add(from: first, to: try rangeEnd(first), &set, &others)
            }
            guard next != nil else { throw error("a `[` is not closed") }
        }
        index += 1
        if inverted {
            guard others.isEmpty else { throw error("[^…] takes ASCII characters only") }
            return .byte(folding.set(set).inverted)
        }
        let members = folding.set(set)
        if others.isEmpty { return .byte(members) }
        return .choice((set.isEmpty ? [] : [.byte(members)]) + others)
    }

    private mutating func bracketMember() throws(PatternError) -> Member {
        for (name, set) in Self.posix where take("[:\(name):]") { return .set(set) }
        guard let scalar = next else { throw error("a `[` is not closed") }
        index += 1
        return scalar == "\\" ? try member() : .scalar(scalar)
    }

    /// The end of a range `a-z`; the character itself if none follows.
    private mutating func rangeEnd(_ first: Unicode.Scalar) throws(PatternError) -> Unicode.Scalar {
        guard next == "-", index + 1 < scalars.count, scalars[index + 1] != "]" else { return first }
        index += 1
        guard case .scalar(let last) = try bracketMember(), last >= first else {
            throw error("a range in […] must go from a lower to a higher character")
        }
        return last
    }

    private func add(
        from first: Unicode.Scalar, to last: Unicode.Scalar, _ set: inout ByteSet, _ others: inout [Pattern]
    ) throws(PatternError) {
        guard last.value - first.value <= 0x1000 else { throw error("a range in […] spans more than 4096 characters") }
        for value in first.value...last.value {
            guard let scalar = Unicode.Scalar(value) else { continue }
            if scalar.isASCII {
                set.insert(UInt8(value))
                continue
            }
            let pattern = folding.pattern(scalar)
            if case .sequence(let parts) = pattern, parts.count == 1, case .byte(let bytes) = parts[0] {
                set = set.union(bytes)
            } else if pattern != .empty, !others.contains(pattern) {
                others.append(pattern)
            }
        }
    }

    private static let posix: [(String, ByteSet)] = [
        ("alpha", ByteSet.upper.union(.lower)), ("digit", .digits),
        ("alnum", ByteSet.upper.union(.lower).union(.digits)),
        ("upper", .upper), ("lower", .lower), ("space", .space), ("word", .word),
        ("xdigit", ByteSet("0123456789abcdefABCDEF".utf8)),
        ("punct", ByteSet((0x21...0x7E).filter { !ByteSet.word.contains($0) || $0 == 0x5F })),
    ]
}

extension Pattern {
    /// Whether it begins and ends with bytes outside ASCII only.
    fileprivate var isForeign: Bool {
        switch self {
        case .byte(let set): set.intersection(.ascii).isEmpty
        case .sequence(let parts): parts.first?.isForeign == true
        case .choice(let parts): parts.contains(where: \.isForeign)
        case .repeated(let part, _, _): part.isForeign
        case .assertion: false
        }
    }
}
