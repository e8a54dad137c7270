/// A kind of text that a filter is expected to find. Values are computed from a seed, checksums included, so that
/// neither this source nor a repository that uses it holds anything that looks like a secret.
package enum Violation: String, Sendable, CaseIterable {
    case card
    case iban
    case email
    case phone
    case ip
    case nationalID = "national-id"
    case birthDate = "birth-date"
    case apiKey = "api-key"
    case awsKey = "aws-key"
    case githubToken = "github-token"
    case privateKey = "private-key"
    case jwt
    case password

    /// The value, alike for alike seeds.
    package func value(_ seed: Seed) -> String {
        var seed = seed.adding(rawValue)
        let letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
        let mixed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
        return switch self {
        case .card: Self.card(&seed)
        case .iban: Self.iban(&seed)
        case .email: "\(Text.names.randomElement(using: &seed) ?? "ada").\(seed.digits(4))@example.com"
        case .phone: "+1 202 555 01\(seed.digits(2))"
        case .ip: "198.51.100.\(Int.random(in: 1...254, using: &seed))"
        case .nationalID: Self.nationalID(&seed)
        case .birthDate:
            "born on 19\(Int.random(in: 50...99, using: &seed))-0\(Int.random(in: 1...9, using: &seed))-1"
                + seed.digits(1)
        case .apiKey: "sk-" + "proj-" + seed.characters(48, from: mixed)
        case .awsKey: "AK" + "IA" + seed.characters(16, from: letters + "234567")
        case .githubToken: "gh" + "p_" + seed.characters(36, from: mixed)
        case .privateKey: Self.privateKey(&seed, alphabet: mixed + "+/")
        case .jwt:
            "ey" + "J" + seed.characters(33, from: mixed) + ".ey" + "J" + seed.characters(61, from: mixed) + "."
                + seed.characters(43, from: mixed + "-_")
        case .password: "password: " + seed.characters(14, from: mixed + "!#%")
        }
    }

    /// A card number of sixteen digits beginning with 4, with its check digit (Luhn, ISO/IEC 7812-1).
    private static func card(_ seed: inout Seed) -> String {
        let body = "4" + seed.digits(14)
        var sum = 0
        for (index, digit) in body.utf8.reversed().enumerated() {
            let value = Int(digit - 0x30) * (index.isMultiple(of: 2) ? 2 : 1)
            sum += value > 9 ? value - 9 : value
        }
        return body + String((10 - sum % 10) % 10)
    }

    /// A German IBAN, with its check digits (ISO 13616, mod 97 of ISO/IEC 7064). `DE00` is `131400` after the account.
    private static func iban(_ seed: inout Seed) -> String {
        let account = seed.digits(18)
        var remainder = 0
        for digit in (account + "131400").utf8 {
            remainder = (remainder * 10 + Int(digit - 0x30)) % 97
        }
        let check = 98 - remainder
        return "DE" + (check < 10 ? "0" : "") + String(check) + account
    }

    /// A German tax number of eleven digits, with its check digit (ISO/IEC 7064, MOD 11,10). One digit stands twice
    /// among the first ten, the others once, as the rules for that number ask.
    private static func nationalID(_ seed: inout Seed) -> String {
        var digits = Array(0...9).shuffled(using: &seed)
        let twice = digits[0] == 0 ? digits[1] : digits[0]
        digits[9] = twice
        if digits[0] == 0 { digits.swapAt(0, 1) }
        var product = 10
        for digit in digits {
            let sum = (digit + product) % 10
            product = (sum == 0 ? 10 : sum) * 2 % 11
        }
        let check = 11 - product
        return digits.map(String.init).joined() + String(check == 10 ? 0 : check)
    }

    private static func privateKey(_ seed: inout Seed, alphabet: String) -> String {
        let kind = "RSA PRIVATE" + " KEY-----"
        let lines = (0..<4).map { _ in seed.characters(64, from: alphabet) }.joined(separator: "\n")
        return "-----BEGIN \(kind)\n\(lines)\n-----END \(kind)"
    }
}

/// How a violation is dressed so that a filter that reads only bytes overlooks it.
package enum Disguise: String, Sendable, CaseIterable {
    /// A zero-width space (U+200B) between all characters.
    case zeroWidth = "zero-width"
    /// Printable ASCII as full-width forms (U+FF01 to U+FF5E).
    case fullWidth = "full-width"
    /// A soft hyphen (U+00AD) between all characters.
    case softHyphen = "soft-hyphen"
    /// A space after every fourth character.
    case grouped

    package func callAsFunction(_ text: String) -> String {
        switch self {
        case .zeroWidth: text.map(String.init).joined(separator: "\u{200B}")
        case .softHyphen: text.map(String.init).joined(separator: "\u{00AD}")
        case .fullWidth: String(String.UnicodeScalarView(text.unicodeScalars.map(Self.widened)))
        case .grouped:
            text.enumerated().map { index, character in
                (index > 0 && index.isMultiple(of: 4) ? " " : "") + String(character)
            }.joined()
        }
    }

    private static func widened(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
        (0x21...0x7E).contains(scalar.value) ? Unicode.Scalar(scalar.value + 0xFEE0) ?? scalar : scalar
    }
}
