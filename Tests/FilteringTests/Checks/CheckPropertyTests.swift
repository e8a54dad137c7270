import Foundation
import Testing

@testable import Filtering

/// Schemes that promise to catch every single wrong digit, shown on a number of each.
@Suite("Check digits catch typing errors")
struct CheckPropertyTests {
    static let everyDigitCounts: [(Check, String)] = [
        (.card, "4111111111111111"), (.iban, "DE89370400440532013000"), (.ukNHS, "9434765919"), (.caSIN, "130692544"),
        (.nlBSN, "123456782"), (.chAHV, "7569217076985"), (.sePersonnummer, "8112289874"), (.plPESEL, "44051401359"),
        (.inAadhaar, "999941057058"), (.brCPF, "52998224725"), (.frNIR, "255081416802538"), (.zaID, "8001015009087"),
        (.esDNI, "12345678Z"), (.auTFN, "123456782"), (.deSteuerID, "47036892816"), (.atSVNR, "1237010180"),
        (.cnResidentID, "440524188001010014"), (.fiHetu, "131052-308T"),
        (.beRRN, "85073003328"), (.trTCKN, "10000000146"), (.sgNRIC, "S0000001I"),
    ]

    @Test("every single wrong digit is caught", arguments: everyDigitCounts)
    func catchesWrongDigit(check: Check, text: String) {
        let bytes = Array(text.utf8)
        #expect(check.confirms(bytes: bytes))
        for index in bytes.indices where bytes[index].isASCIIDigit {
            for offset in UInt8(1)...9 {
                var wrong = bytes
                wrong[index] = (bytes[index] - 0x30 + offset) % 10 + 0x30
                #expect(!check.confirms(bytes: wrong), "\(check) at \(index) by \(offset)")
            }
        }
    }

    @Test(
        "Verhoeff and MOD 97-10 catch every swap of neighbours",
        arguments: [
            (Check.inAadhaar, "999941057058"), (.iban, "DE89370400440532013000"),
        ])
    func catchesSwap(check: Check, text: String) {
        let bytes = Array(text.utf8)
        for index in bytes.indices.dropFirst(2).dropLast() where bytes[index] != bytes[index + 1] {
            var wrong = bytes
            wrong.swapAt(index, index + 1)
            #expect(!check.confirms(bytes: wrong), "\(check) at \(index)")
        }
    }

    @Test("one digit in ten completes a random body of 15 to a card number")
    func oneLuhnDigitFits() {
        var random = Seeded(state: 1)
        for _ in 0..<500 {
            let body = "4" + (0..<14).map { _ in String(Int.random(in: 0...9, using: &random)) }.joined()
            #expect((0...9).count { Check.card.confirms(body + String($0)) } == 1)
        }
    }

    @Test("separators change nothing about a card number", arguments: ["", " ", "-", ".", "  "])
    func separatorsAreFree(separator: String) {
        let groups = ["4111", "1111", "1111", "1111"]
        #expect(Check.card.confirms(groups.joined(separator: separator)))
    }
}

@Suite("Secrets' shapes")
struct SecretCheckTests {
    @Test("a JSON web token needs a header that names an algorithm and claims that are an object")
    func jwtShape() {
        // {"alg":"none"} and {"sub":1}
        #expect(Check.jwt.confirms("eyJhbGciOiJub25lIn0.eyJzdWIiOjF9.c2ln"))
        // {"a":"b"} names none.
        #expect(!Check.jwt.confirms("eyJhIjoiYiJ9.eyJzdWIiOjF9.c2ln"))
        #expect(!Check.jwt.confirms("eyJhbGciOiJub25lIn0.AAAA.c2ln"))
    }

    @Test(
        "entropy takes random values and leaves words, placeholders and code",
        arguments: [
            ("api_key = \"9f4a7c2b5d8e1f6a3b0c9d4e7f2a5b8c\"", true), ("token: 'hT7x-Q2mZp0v_R9wKc3J'", true),
            ("secret=kZ8vQ1xW4tY7uB2nM5cA==", true), ("api_key = \"your_api_key_goes_here_1\"", false),
            ("token = request.headers.get1", false), ("secret = aaaaaaaaaaaaaaaaaaaa1", false),
            ("api_key = configuration_of_the_server", false), ("token = abc123", false),
        ])
    func entropy(text: String, expected: Bool) {
        #expect(Check.entropy.confirms(text) == expected)
    }

    @Test("random hexadecimal and base 62 of 32 characters pass nearly always")
    func entropyOfRandom() {
        var random = Seeded(state: 3)
        let base62 = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
        for alphabet in [Array("0123456789abcdef"), base62] {
            let passed = (0..<2000).count { _ in
                Check.entropy.confirms(String((0..<32).map { _ in alphabet.randomElement(using: &random)! }))
            }
            #expect(passed >= 1960, "\(alphabet.count): \(passed)")
        }
    }

    @Test("entropy is Shannon's", arguments: 1...64)
    func entropyIsShannons(_ count: Int) {
        var random = Seeded(state: UInt64(count))
        let bytes = (0..<count).map { _ in UInt8.random(in: 0..<8, using: &random) }
        let shares = Dictionary(grouping: bytes) { $0 }.values.map { Double($0.count) / Double(count) }
        let expected = shares.reduce(0) { $0 - $1 * log2($1) }
        #expect(abs(SecretValue(value: bytes.span).entropy - expected) < 1e-6)
    }

    @Test("a value that is followed while it grows is judged as if it were new", arguments: 0..<24 as Range<UInt64>)
    func following(_ seed: UInt64) {
        var random = Seeded(state: seed)
        let parts = [
            "=", ":", " ", "\"", "'", "==", "a", "B", "7", "f", "-", "+", "/", ".", "example", "xxxx", "$", "(",
            "zq81mv90xk",
            "Tr0ub4dor", "password", "abcdef", "é", "12345", "67",
        ]
        for _ in 0..<60 {
            let text = Array((0..<30).map { _ in parts.randomElement(using: &random) ?? "" }.joined().utf8)
            for check in Check.allCases {
                guard let place = check.secretPlace else { continue }
                var followed = SecretValue(text[0..<1].span, in: place)
                var end = 1
                while end < text.count {
                    end = min(end + Int.random(in: 1...3, using: &random), text.count)
                    let candidate = text[0..<end].span
                    followed.follow(candidate)
                    let new = SecretValue(candidate, in: place)
                    #expect(followed.range == new.range)
                    let isFollowed = followed.confirms(check, candidate)
                    #expect(
                        isFollowed == new.confirms(check, candidate),
                        "\(String(decoding: text[0..<end], as: UTF8.self))")
                }
            }
        }
    }

    @Test(
        "passwords",
        arguments: [
            ("password: Tr0ub4dor+3", true), ("pwd=hunter2hunter", true), ("password is correct-horse-battery-9", true),
            ("password: forgotten", false), ("password is case-sensitive", false), ("password = get_password()", false),
            ("password=${DB_PASS1}", false), ("password = super$kestrel", true), ("password = $kestrel42x", false),
            ("password: ********", false), ("password: changeme1", false),
        ])
    func passwords(text: String, expected: Bool) {
        #expect(Check.password.confirms(text) == expected)
    }
}

@Suite("Tokens, credentials and examples of them")
struct CredentialCheckTests {
    @Test(
        "random tokens pass, whatever they are made of",
        arguments: ["0123456789abcdef", "abcdefghijklmnopqrstuvwxyz234567"])
    func randomTokens(alphabet: String) {
        var random = Seeded(state: 5)
        let passed = (0..<5000).count { _ in
            Check.token.confirms("key_" + String((0..<32).map { _ in alphabet.randomElement(using: &random)! }))
        }
        #expect(passed >= 4995, "\(passed)")
    }

    @Test(
        "what stands for a token in examples is none",
        arguments: [
            "key_xxxxxxxxxxxxxxxxxxxxxxxxxxxx", "key_0000000000000000000000000000", "key_abcdeghijklmnopqrstuvwxyz123",
            "key_987654321098765432109876543", "key_1111aaaa1111aaaa1111aaaa", "key_YOUR9f8a7c2b4d0e6f3a",
            "key_p1q2r3s4t5u6v7w8x9y0", "key_9f8a7c2b4d0eEXAMPLE", "key_replace9f8a7c2b4d0e",
        ])
    func exampleTokens(text: String) {
        #expect(!Check.token.confirms(text))
    }

    @Test(
        "where only a password can stand, a word is one, and what names or replaces one is not",
        arguments: [
            ("-p kestrelwing", true), ("password = \"open kestrel\"", true), ("-p Rr42", true), ("-p secret", true),
            ("-p changeme", true),
            ("-p openpassword", true), ("-p formPassword", false), ("-p 123456", true), ("-p heron@", false),
            ("-p password", false),
            ("-p PASSWORD", false), ("-p my_password", false), ("-p $WORD", false), ("-p %word%", false),
            ("-p <word>", false), ("-p 1000", false), ("-p aaaaaa", false), ("-p abc", false),
            ("type == \"string\"", false),
        ])
    func credentials(text: String, expected: Bool) {
        #expect(Check.credential.confirms(text) == expected)
    }

    @Test(
        "name and password are read from base64",
        arguments: [
            ("mara:kestrelwing", true), ("mara:", true), (":kestrelwing", true), ("mara:password", false),
            ("mara", false),
            ("{\"alg\":\"none\"}", false), ("\u{1}\u{2}ra:kestrel", false),
        ])
    func basicCredentials(text: String, expected: Bool) {
        let header = "Authorization: Basic " + Data(text.utf8).base64EncodedString()
        #expect(Check.basicCredentials.confirms(header) == expected)
    }

    @Test("the value's end is none of it: a placeholder is not found by its beginning")
    func endIsLeftOut() throws {
        let parts: [(Check, String, String?)] = [
            (.entropy, "api_key: 9f4a7c2b5d8e1f6a3b0c&", "9f4a7c2b5d8e1f6a3b0c"),
            (.credential, "pwd=kestrelwing;", "kestrelwing"),
            (.password, "pwd='kestrel wing 7'", "kestrel wing 7"), (.password, "pwd=\\\"kestrel42x\\\"", "kestrel42x"),
            (.setting, "Pwd= k!8=wing;", "k!8=wing"), (.setting, "Pwd=form_password;", "form_password"),
            (.setting, "Pwd={0};", nil), (.pair, "-u 'mara:kestrel:wing'", "kestrel:wing"),
            (.pair, "-u guest:guest", nil),
            (.password, "#add-password\"", nil), (.password, "password: /account/2/forgotten", nil),
        ]
        for (check, text, expected) in parts {
            let bytes = Array(text.utf8)
            let part = bytes.withUnsafeBufferPointer { check.confirm($0) }
            #expect(part.map { String(decoding: bytes[$0], as: UTF8.self) } == expected, "\(text)")
        }
    }
}

@Suite("The confirmed part of a candidate")
struct ConfirmedPartTests {
    static let parts: [(Check, String, String?)] = [
        (.card, "4111 1111 1111 1111", "4111 1111 1111 1111"), (.card, " 4111111111111111", "4111111111111111"),
        (.card, "12 4111 1111 1111 1111", "4111 1111 1111 1111"), (.card, "12 4111 1111 1111 1112", nil),
        (.card, "12.4111.1111.1111.1111", "4111.1111.1111.1111"), (.card, "0.4111111111111111", nil),
        (.cardInPieces, "A4111111111111111", "4111111111111111"),
        (.cardInPieces, "_4111 1111 1111 1111_", "4111 1111 1111 1111"),
        (.cardInPieces, " 4111111111111111U", "4111111111111111"), (.cardInPieces, "x41 11 11 11 11 11 11 11", nil),
        (.card, "A4111111111111111", nil), (.cardInPieces, "12\n4111\n1111\n1111\n1111", "4111\n1111\n1111\n1111"),
        (.entropy, "api_key = \"9f4a7c2b5d8e1f6a3b0c9d4e7f2a5b8c", "9f4a7c2b5d8e1f6a3b0c9d4e7f2a5b8c"),
        (.password, "password is tulip-Harbour7", "tulip-Harbour7"), (.phoneE164, "+49 30 901820", "+49 30 901820"),
    ]

    @Test(
        "is each published example behind text that the pattern took in too much",
        arguments: CheckExampleTests.published)
    func partOfExample(check: Check, text: String) {
        // Which characters an address may have, its pattern says, not its check.
        guard check != .email else { return }
        // A national telephone number may begin with a parenthesis and a blank.
        for before in check == .phoneNational ? [", "] : [", ", "\u{22} ", "( "] {
            let bytes = Array((before + text).utf8)
            let range = bytes.withUnsafeBufferPointer { check.confirm($0) }
            #expect(range == before.utf8.count..<bytes.count, "\(check) \(text)")
        }
    }

    @Test("begins after what the pattern took in too much, and is an assignment's value alone", arguments: parts)
    func part(check: Check, candidate: String, expected: String?) {
        let bytes = Array(candidate.utf8)
        let range = bytes.withUnsafeBufferPointer { check.confirm($0) }
        #expect(range.map { String(decoding: bytes[$0], as: UTF8.self) } == expected)
    }
}
