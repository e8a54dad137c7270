/// The value that a text says is secret, such as what follows `api_key = `, and whether it looks like one.
///
/// Patterns of such values match at every length that the value may have, so one is looked at again and again while it
/// grows: `follow` takes the new bytes only.
struct SecretValue {
    /// Where in a candidate the value stands, and so what may stand behind it.
    enum Place {
        /// Behind a name: a key, whose last byte is one that keys are made of.
        case key
        /// Behind a name: a password, which may end with nearly anything.
        case password
        /// Behind the first equals sign, or all of the candidate: text of settings, where no variable can stand.
        case setting
        /// Behind the first colon: text of the form `name:password`.
        case pair
        /// All of the candidate.
        case whole
    }

    let place: Place
    /// Where it stands in the candidate.
    private(set) var range: Range<Int>
    /// The candidate's bytes so far.
    private var count: Int
    private var counts = InlineArray<256, UInt32>(repeating: 0)
    /// The sum of n log2 n over how often each byte stands there.
    private var weight = 0.0
    private var different = 0
    private var (upper, lower, digits, signs) = (0, 0, 0, 0)
    /// How often a letter stands beside a digit.
    private var changes = 0
    /// Bytes that equal the one before or are its neighbours, as in `aaaa`, `abcd` and `4321`.
    private var guessable = 0
    /// Letters and digits that equal or neighbour the last but one, as in `a1b2c3d4`: what people and models write who need
    /// a key that is none.
    private var interleaved = 0
    private var (lastButOne, last): (UInt8, UInt8) = (0, 0)
    private var isHexadecimal = true
    /// Whether it says where a secret goes or comes from.
    private var isTemplate = false
    /// Whether it holds a word or row that examples are made of, and weak passwords too.
    private var isWeak = false
    /// Whether it holds a word for a password, as names of variables do.
    private var namesPassword = false
    private var beginsWithDollar = false
    private var beginsLower = false

    /// - Parameter candidate: a name, a sign of assignment and a value, or a value alone.
    init(_ candidate: Span<UInt8>, in place: Place = .key) {
        self.init(candidate, place == .whole ? candidate.indices : Self.assignedRange(candidate, place), place)
    }

    /// - Parameter value: all of it a value that stood in an address or header.
    init(value: Span<UInt8>) {
        self.init(value, value.indices, .setting)
    }

    private init(_ candidate: Span<UInt8>, _ range: Range<Int>, _ place: Place) {
        self.place = place
        self.range = range
        count = candidate.count
        for index in range { append(candidate, index) }
    }

    /// Takes up a candidate that begins where the last one did and is longer.
    mutating func follow(_ candidate: Span<UInt8>) {
        guard candidate.count > count, count > 0, place == .whole || goesOn(candidate) else {
            self = SecretValue(candidate, in: place)
            return
        }
        for index in count..<candidate.count { append(candidate, index) }
        range = range.lowerBound..<candidate.count
        count = candidate.count
    }

    /// Whether the new bytes only make the value longer. Signs of assignment and quotes may move its beginning, and so may
    /// what follows an `=` that was the padding of base64 so far.
    private func goesOn(_ candidate: Span<UInt8>) -> Bool {
        for index in count..<candidate.count {
            let (previous, byte) = (candidate[index - 1], candidate[index])
            let ends = Self.ends(of: place)
            if ends.contains(byte) || ends.contains(previous) { return false }
            if Self.quotes.contains(byte) || Self.quotes.contains(previous) { return false }
            if previous == UInt8(ascii: "=") || Self.assignmentSigns.contains(byte) { return false }
        }
        return true
    }

    private mutating func append(_ candidate: Span<UInt8>, _ index: Int) {
        let byte = candidate[index]
        let before = Int(counts[Int(byte)])
        counts[Int(byte)] &+= 1
        weight += Self.weight(before + 1) - Self.weight(before)
        if before == 0 { different += 1 }
        switch byte {
        case 0x41...0x5A: upper += 1
        case 0x61...0x7A: lower += 1
        case 0x30...0x39: digits += 1
        default: if Self.passwordSigns.contains(byte) { signs += 1 }
        }
        if byte.hexValue == nil { isHexadecimal = false }
        if byte.isASCIILetter || byte.isASCIIDigit {
            if Self.areNeighbours(lastButOne, byte) { interleaved += 1 }
            (lastButOne, last) = (last, byte)
        }
        if index == range.lowerBound {
            beginsWithDollar = byte == UInt8(ascii: "$")
            beginsLower = (0x61...0x7A).contains(byte)
        } else {
            compare(candidate[index - 1], byte)
        }
        // Interpolations, calls, tags and subscripts are code, not values.
        if place != .whole, Self.codeSigns.contains(byte) { isTemplate = true }
        guard Self.placeholderEnds.contains(byte), !isTemplate else { return }
        isTemplate =
            Self.exampleWords.contains { ends(candidate, at: index, with: $0) }
            || place != .whole && Self.codeWords.contains { ends(candidate, at: index, with: $0) }
        if Self.weakWords.contains(where: { ends(candidate, at: index, with: $0) }) { isWeak = true }
        guard place != .whole, Self.passwordWords.contains(where: { ends(candidate, at: index, with: $0) }) else {
            return
        }
        namesPassword = true
    }

    private mutating func compare(_ previous: UInt8, _ byte: UInt8) {
        if previous.isASCIIDigit && byte.isASCIILetter || previous.isASCIILetter && byte.isASCIIDigit { changes += 1 }
        if Self.areNeighbours(previous, byte) { guessable += 1 }
    }

    private static func areNeighbours(_ a: UInt8, _ b: UInt8) -> Bool { a < b ? b - a <= 1 : a - b <= 1 }

    /// Whether `word` (lower case) ends with the byte at `index`, within the value, ignoring ASCII case.
    private func ends(_ candidate: Span<UInt8>, at index: Int, with word: [UInt8]) -> Bool {
        let start = index - word.count + 1
        guard start >= range.lowerBound else { return false }
        for offset in word.indices {
            let byte = candidate[start + offset]
            guard ((0x41...0x5A).contains(byte) ? byte | 0x20 : byte) == word[offset] else { return false }
        }
        return true
    }

    // MARK: - What it is

    func confirms(_ check: Check, _ candidate: Span<UInt8>) -> Bool {
        switch check {
        case .entropy: isRandom && changes > 1
        case .entropyMixed: isRandom && mixesCases
        case .password: range.count >= 8 && isChosen && !isPath(candidate)
        case .credential, .setting, .pair: isCredential(candidate)
        case .token: isUnguessable
        default: false
        }
    }

    private var isPlaceholder: Bool { isTemplate || isWeak || namesPassword }

    /// A random-looking value: at least 16 bytes; letters and digits both, side by side at least once (of one case, twice:
    /// in versions of names, as in `parser-utils-0.11.2`, they stand apart), and three quarters of all bytes; at least
    /// 3.2 bits of Shannon entropy a byte (2.7 where all are hexadecimal digits); no placeholder, no rows interleaved.
    ///
    /// Source: C. E. Shannon, A Mathematical Theory of Communication (1948), section 6; the thresholds are ours, from
    /// random strings of 16 to 64 characters, of which less than 1 in 1,000 falls below the entropy.
    private var isRandom: Bool {
        let letters = upper + lower
        guard range.count >= 16, !isPlaceholder, !beginsWithDollar, letters > 0, digits > 0, changes > 0,
            letters + digits >= range.count * 3 / 4, !isInterleaved
        else { return false }
        return entropy >= (isHexadecimal ? 2.7 : 3.2)
    }

    /// Whether upper case, lower case and digits all stand in it: what no hexadecimal digest has.
    private var mixesCases: Bool { upper > 0 && lower > 0 && digits > 0 }

    /// Whether what has the form of a token may be one, and is no example such as `xxxx…` or `abcd…1234`: not more than
    /// half of its bytes follow from the one before, it has 2.5 bits of Shannon entropy a byte, and no word that
    /// examples are made of.
    ///
    /// Of random bytes out of 16, three in sixteen follow from the one before; thresholds as above.
    private var isUnguessable: Bool {
        !isPlaceholder && guessable * 2 <= range.count && !isInterleaved && entropy >= 2.5
    }

    /// Whether more than half of its letters and digits follow from the last but one.
    private var isInterleaved: Bool { interleaved * 2 > upper + lower + digits }

    /// What somebody may have chosen as a password: letters and a digit or sign, more than four different bytes, no
    /// placeholder or expression.
    private var isChosen: Bool {
        !isPlaceholder && !beginsWithDollar && upper + lower > 0 && digits + signs > 0 && different > 4
    }

    /// A password where nothing else can stand, such as behind `curl -u name:`. There a word or number is one too, however
    /// weak, unless it says where a password goes, is what examples and forms say instead of one, or names a variable where
    /// one can stand.
    func isCredential(_ candidate: Span<UInt8>) -> Bool {
        guard range.count >= 4, !isTemplate, !beginsWithDollar, upper + lower > 0 || digits >= 6, different > 2,
            candidate[range.lowerBound] != UInt8(ascii: "%"), !namesVariable, !isOfNobody(candidate)
        else { return false }
        return !Self.noPasswords.contains {
            $0.count == range.count && ends(candidate, at: range.upperBound - 1, with: $0)
        }
    }

    /// Whether it is a name with the word for a password in it: `DB_PASSWORD` and, where code may stand, `formPassword`,
    /// `form_password` or the path of a page.
    private var namesVariable: Bool {
        guard namesPassword else { return false }
        let isJoined = beginsLower && upper > 0 || Self.joints.contains { counts[Int($0)] > 0 }
        return lower == 0 || place == .password && isJoined
    }

    private static let joints = Array("_-/.".utf8)

    /// Whether it is a name and `@`, as programs send it that fetch files without an account.
    private func isOfNobody(_ candidate: Span<UInt8>) -> Bool {
        candidate[range.upperBound - 1] == UInt8(ascii: "@") && upper + lower == range.count - 1
    }

    /// Whether a value is the path of a file or page.
    private func isPath(_ candidate: Span<UInt8>) -> Bool {
        let slash = UInt8(ascii: "/")
        return candidate[range.lowerBound] == slash && counts[Int(slash)] > 1
    }

    /// Bits a byte; 0 for no bytes.
    var entropy: Double { range.isEmpty ? 0 : (Self.weight(range.count) - weight) / Double(range.count) }

    /// n log2 n.
    private static func weight(_ n: Int) -> Double {
        n < weights.count ? weights[n] : Double(n) * binaryLogarithm(Double(n))
    }

    private static let weights = (0...512).map { $0 == 0 ? 0 : Double($0) * binaryLogarithm(Double($0)) }

    /// log2 without the C library: exponent, then bits of the fraction by squaring (to 2⁻³⁰).
    private static func binaryLogarithm(_ number: Double) -> Double {
        var result = Double(number.exponent)
        var fraction = number.significand
        var bit = 0.5
        while bit > 1e-9 {
            fraction *= fraction
            if fraction >= 2 {
                fraction /= 2
                result += bit
            }
            bit /= 2
        }
        return result
    }
}
