/// What values are told from placeholders by, and where one stands in a candidate.
extension SecretValue {
    /// Before a value stands one of them, or a quote.
    static let assignmentSigns = ByteSet("=:> \t".utf8)
    static let quotes = ByteSet("\"'`".utf8)
    /// A dollar sign that begins the value is another matter: a variable.
    static let passwordSigns = ByteSet("!#%&*+=^~?$".utf8)
    static let codeSigns = ByteSet("{}<>()[]\\".utf8)
    /// What examples say instead of a secret.
    static let exampleWords = words([
        "example", "placeholder", "your", "xxxx", "****", "...", "redacted", "insert", "replace",
    ])
    /// What examples say too, and people choose: no token holds them, nor a password that the text alone calls one.
    static let weakWords = words(["changeme", "change_me", "1234567", "abcdef", "dummy"])
    /// What stands in code where a secret is read. A token holds some by chance: `config.` is part of an address.
    static let codeWords = words([
        "process.env", "os.environ", "getenv", "config.", "settings.", "self.", "this.", "params", "request.", "null",
        "undefined",
    ])
    static let passwordWords = words(["password", "passwd"])
    static let placeholderEnds = ByteSet((exampleWords + weakWords + codeWords + passwordWords).compactMap(\.last))
        .ignoringCase

    static func words(_ words: [String]) -> [[UInt8]] { words.map { Array($0.utf8) } }

    /// What stands for a password in examples, type declarations and translations, or for none.
    static let noPasswords = words([
        "pass", "password", "passwd", "passphrase", "secrets", "token", "guest", "user", "username", "test",
        "string", "object", "function", "number", "boolean", "true", "false", "none", "null", "empty", "value", "text",
        "hidden", "required", "invalid", "incorrect", "wrong", "missing", "passwort", "kennwort", "wachtwoord", "senha",
        "clave", "lozenord", "haslo", "salasana", "heslo", "jelszo", "parola", "motdepasse", "contrasena", "host",
        "name",
    ])

    /// What may follow a value in a candidate, and so is none of it: a pattern that ends with it says that the value does
    /// not go on, so that no placeholder is taken for its own beginning.
    static func ends(of place: Place) -> ByteSet {
        switch place {
        case .key: keyEnds
        case .password, .setting, .pair: passwordEnds
        case .whole: ByteSet()
        }
    }

    static let keyEnds = ByteSet.word.union(ByteSet("+/=.~-".utf8)).inverted
    static let passwordEnds = ByteSet.space.union(quotes).union(ByteSet(",;<>()\\".utf8))

    /// The most bytes with which base64 is padded (RFC 4648, section 4).
    static let paddingMax = 2

    static func isBefore(_ byte: UInt8) -> Bool { assignmentSigns.contains(byte) || quotes.contains(byte) }

    /// What stands after the last `=`, `:` or blank that precedes the value, without what ends it; all, if there is none.
    static func assignedRange(_ candidate: Span<UInt8>, _ place: Place) -> Range<Int> {
        var end = candidate.count
        let ends = ends(of: place)
        while end > 0, ends.contains(candidate[end - 1]) { end -= 1 }
        if let sign = sign(before: place) {
            let first = candidate.indices.first { candidate[$0] == sign }
            return start(after: first ?? -1, candidate, end)..<end
        }
        if place == .password, let start = quotedStart(candidate, end) { return start..<end }
        // The padding of base64 is part of the value.
        var padding = end
        while padding > 0, end - padding < paddingMax, candidate[padding - 1] == UInt8(ascii: "=") { padding -= 1 }
        var start = padding
        while start > 0, !assignmentSigns.contains(candidate[start - 1]), !quotes.contains(candidate[start - 1]) {
            start -= 1
        }
        return start..<end
    }

    /// Behind the first of which a value stands; `nil` where it stands behind the last of several.
    private static func sign(before place: Place) -> UInt8? {
        switch place {
        case .setting: UInt8(ascii: "=")
        case .pair: UInt8(ascii: ":")
        case .key, .password, .whole: nil
        }
    }

    /// Behind blanks and quotes that follow `sign`.
    private static func start(after sign: Int, _ candidate: Span<UInt8>, _ end: Int) -> Int {
        var start = sign + 1
        while start < end, quotes.contains(candidate[start]) || ByteSet.space.contains(candidate[start]) { start += 1 }
        return min(start, end)
    }

    /// Where a value begins whose end a quote follows: behind the same quote before it, whatever else stands between.
    private static func quotedStart(_ candidate: Span<UInt8>, _ end: Int) -> Int? {
        guard end > 0, end < candidate.count, quotes.contains(candidate[end]) else { return nil }
        var start = end
        while start > 0, candidate[start - 1] != candidate[end] { start -= 1 }
        return start > 0 && start < end ? start : nil
    }

    // MARK: - Tokens that are no secrets

    /// Whether a match that begins with `token` goes on a name of one that opens nothing: the page of a list, what a form
    /// returns, what is public. Whoever cannot read on without it should not lose it.
    static func isOfHarmlessToken(_ window: Window, at start: Int) -> Bool {
        guard start < window.end, window[start] | 0x20 == UInt8(ascii: "t") else { return false }
        var end = start
        if end > window.first, harmlessJoints.contains(window[end - 1]) { end -= 1 }
        return harmlessNames.contains { name in
            let begin = end - name.count
            guard begin >= window.first, name.indices.allSatisfy({ window[begin + $0] | 0x20 == name[$0] }) else {
                return false
            }
            // No end of another word, such as `async`.
            guard begin > window.first, window[begin - 1].isASCIILetter else { return true }
            return ByteSet.lower.contains(window[begin - 1]) && ByteSet.upper.contains(window[begin])
        }
    }

    private static let harmlessNames = words([
        "csrf", "xsrf", "csrfmiddleware", "requestverification", "page", "next", "continuation", "cursor", "sync",
        "resume", "public", "publickey",
    ])
    private static let harmlessJoints = ByteSet("_-".utf8)
    static let harmlessBytesMax = (harmlessNames.map(\.count).max() ?? 0) + 2
}
