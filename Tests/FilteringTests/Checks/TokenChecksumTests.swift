import Testing

@testable import Filtering

/// Tokens are put together here, so that no scanner finds one in this file.
@Suite("Checksums of tokens")
struct TokenChecksumTests {
    /// CRC-32's own check value. Source: ISO 3309; "123456789" gives CBF43926.
    @Test("the CRC-32 is the standard's")
    func crcCheckValue() {
        let digits = Array("123456789".utf8)
        let crc = Check.crc32(digits.span)
        #expect(crc == 0xCBF4_3926)
    }

    /// The checksum of `text`, `width` digits in the base of as many as `alphabet` has.
    static func checksum(of text: String, in alphabet: String, width: Int) -> String {
        let digits = Array(alphabet)
        var crc = Int(Check.crc32(Array(text.utf8).span))
        return String(
            (0..<width).map { _ in
                defer { crc /= digits.count }
                return digits[crc % digits.count]
            }.reversed())
    }

    static let base36 = "0123456789abcdefghijklmnopqrstuvwxyz"
    static let base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

    static let made: [(Check, token: String)] = {
        let random = "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
        let routable = "gl" + "pat-bzoxCnU6MmaaQX4D0lXIG2D0LZcOs3isEA.0y"
        return [
            (.githubToken, "gh" + "p_" + random + checksum(of: random, in: base62, width: 6)),
            (.npmToken, "np" + "m_" + random + checksum(of: random, in: base62, width: 6)),
            (.gitlabRoutable, routable + checksum(of: routable, in: base36, width: 7)),
        ]
    }()

    /// What providers and their users print, in two parts.
    static let examples: [(Check, String, String)] = [
        // Source: secretlint, issue 200 (a dummy).
        (.npmToken, "npm_qkJaB6MffYVzZXWqmc", "oF49yrUxP3wf0LsakP"),
        // Source: GitLab handbook, Routable Tokens, minimum token length.
        (.gitlabRoutable, "bzoxd_Rb5_cHeWe1JH5", "6wr2FCBA.0r1pum4t4"),
        // Source: grafana/grafana, tests of satokengen.
        (.grafanaToken, "glsa_iNValIdinValiD", "invalidinvalidinva_5b582697"),
    ]

    @Test("what is published is confirmed, and nothing that differs from it by a character", arguments: examples)
    func published(check: Check, first: String, second: String) {
        expectsEveryCharacter(of: first + second, check, from: first.utf8.count)
    }

    @Test("each character of a token counts", arguments: made)
    func everyCharacter(check: Check, token: String) {
        expectsEveryCharacter(of: token, check, from: 4)
    }

    private func expectsEveryCharacter(of token: String, _ check: Check, from start: Int) {
        #expect(check.confirms(token))
        var bytes = Array(token.utf8)
        for index in start..<bytes.count {
            let kept = bytes[index]
            bytes[index] = kept == UInt8(ascii: "a") ? UInt8(ascii: "b") : UInt8(ascii: "a")
            #expect(!check.confirms(bytes: bytes), "\(check) at \(index)")
            bytes[index] = kept
        }
    }

    @Test("no part of a token is one", arguments: made)
    func cutOff(check: Check, token: String) {
        for length in 0..<token.utf8.count {
            #expect(!check.confirms(String(token.prefix(length))), "\(check), \(length) characters")
        }
    }

    @Test("a sum of zero is written out, and no other number in its place")
    func zeros() {
        let random = "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
        #expect(!Check.npmToken.confirms("np" + "m_" + random + "000000"))
        #expect(!Check.grafanaToken.confirms("gls" + "a_" + random + "zz_00000000"))
    }
}
