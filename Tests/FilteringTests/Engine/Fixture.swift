import Testing

@testable import Filtering

/// Rules of every kind that the engine treats in its own way.
enum Fixture {
    /// A text as tags, which nobody sees.
    static func tags(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.compactMap { Unicode.Scalar($0.value + 0xE0000) }))
    }

    static let card = Rule(
        id: "pii/card", category: Category("pii.card"), pattern: #"(?:\d[ -]?){12,18}\d\b"#, check: .card)
    static let mail = Rule(
        id: "pii/mail", category: Category("pii.mail"),
        pattern: #"\b[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,3}\.[A-Za-z]{2,24}\b"#)
    static let key = Rule(id: "secret/key", category: Category("secret.key"), pattern: #"\bsk-[A-Za-z0-9]{20,100}"#)
    static let account = Rule(
        id: "pii/account", category: Category("pii.account"), pattern: #"\b\d{6,9}\b"#, context: ["account", "konto"],
        contextBytes: 24)
    /// Of both, the finding begins later than the match.
    static let numbered = Rule(
        id: "pii/numbered", category: Category("pii.numbered"),
        pattern: #"(?:^|[^0-9.]|[^0-9][.])[0-9](?:[ .-]?[0-9]){11,18}(?:[A-Za-z_]|\b)"#, check: .cardInPieces,
        context: ["account", "konto"], contextBytes: 24)
    static let assigned = Rule(
        id: "secret/assigned", category: Category("secret.assigned"),
        pattern: #"(?:key|konto)["']{0,2} ?[:=] ?["']?[A-Za-z0-9_=-]{16,40}"#, check: .entropy)
    /// Its only sign of assignment is padding.
    static let padded = Rule(
        id: "secret/padded", category: Category("secret.padded"), pattern: #"[A-Za-z0-9]{18,24}=[a-z]{0,3}"#,
        check: .entropy)
    /// Any word may begin one, and hold the word of context that another one needs.
    static let token = Rule(
        id: "secret/token", category: Category("secret.token"), pattern: #"[a-z0-9/]{8,12}\b"#,
        context: ["key", "pass"],
        contextBytes: 12, contextPosition: .before)
    static let word = Rule(id: "word/paypal", category: Category("phishing"), pattern: #"\bpaypal\b"#, view: .skeleton)
    static let slur = Rule(id: "word/slur", category: Category("hate"), pattern: #"frobni(?:ck|x)s?"#, view: .skeleton)
    static let header = Rule(
        id: "secret/private-key", category: Category("secret.private_key"),
        pattern: #"-----BEGIN (?:RSA |EC )?PRIVATE KEY-----"#)
    static let line = Rule(
        id: "flag/line", category: Category("injection"), pattern: #"^ignore all\b.{0,20}$"#, ignoresCase: true)
    static let all = [card, mail, key, account, numbered, assigned, padded, token, word, slur, header, line]

    static let verdicts: [String: Verdict] = [
        "pii/card": .redact, "pii/mail": .redact, "secret/key": .redact, "pii/account": .redact,
        "secret/token": .redact,
        "pii/numbered": .redact, "secret/assigned": .redact, "secret/padded": .redact,
        "word/paypal": .flag,
        "word/slur": .redact, "secret/private-key": .block, "flag/line": .flag,
    ]

    static let rules = Result { try FilterRules(all) }

    static func policy(_ rules: [Rule] = all, _ verdicts: [String: Verdict] = verdicts) throws -> FilterPolicy {
        try FilterPolicy(rules == all ? try Self.rules.get() : try FilterRules(rules)) { rule, _ in
            Enforcement(verdicts[rule.id] ?? .redact)
        }
    }
}

/// What came of a streamed text.
struct Streamed: Equatable {
    var output: String
    var findings: [Finding]
    var redactions: [Range<Int>]
    var verdict: Verdict
    var isBlocked: Bool
}

extension Screener {
    func streamed(_ pieces: [[UInt8]], _ policy: FilterPolicy) -> Streamed {
        let stream = stream(policy: policy)
        var output: [UInt8] = []
        for piece in pieces { piece.withUnsafeBufferPointer { stream.feed($0, to: &output) } }
        stream.finish(to: &output)
        return Streamed(
            output: String(validating: output, as: UTF8.self) ?? "not UTF-8: \(output)", findings: stream.findings,
            redactions: stream.redactions, verdict: stream.verdict, isBlocked: stream.isBlocked)
    }

    func streamed(_ text: String, _ policy: FilterPolicy) -> Streamed { streamed([Array(text.utf8)], policy) }

    func screened(_ text: String, _ policy: FilterPolicy, _ side: Side = .completion) -> (Screening, String) {
        Array(text.utf8).withUnsafeBufferPointer { bytes in
            let screening = screen(bytes, side: side, policy: policy)
            return (screening, String(decoding: Screener.redacting(bytes, redactions), as: UTF8.self))
        }
    }
}

/// Card numbers with a right check digit.
func cardNumber(_ digits: String) -> String {
    let sum = digits.utf8.reversed().enumerated().reduce(0) { sum, digit in
        let value = Int(digit.element) - 0x30
        guard digit.offset.isMultiple(of: 2) else { return sum + value }
        return sum + (value * 2 > 9 ? value * 2 - 9 : value * 2)
    }
    return digits + String((10 - sum % 10) % 10)
}

/// SplitMix64: small, seeded.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// The text cut between characters (Unicode scalars) at the given places.
func pieces(_ text: String, at cuts: [Int]) -> [[UInt8]] {
    let scalars = text.unicodeScalars.map { Array(String($0).utf8) }
    var result: [[UInt8]] = []
    var start = 0
    for cut in cuts + [scalars.count] {
        result.append(scalars[start..<cut].flatMap(\.self))
        start = cut
    }
    return result
}
