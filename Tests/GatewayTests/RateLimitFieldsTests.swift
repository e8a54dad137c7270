import Foundation
import Storage
import Testing

@testable import Gateway

@Suite("What upstreams say of their rate limits")
struct RateLimitFieldsTests {
    static let now = Timestamp(microseconds: 1_796_126_400_000_000)  // 2026-12-01T12:00:00Z

    static func head(_ lines: [String]) throws -> ResponseHead {
        let text = (["HTTP/1.1 200 OK", "content-length: 0"] + lines).joined(separator: "\r\n") + "\r\n\r\n"
        return try ResponseHead(parsing: Array(text.utf8), fieldsMax: 100)
    }

    static func pause(_ lines: [String]) throws -> Double? {
        RateLimitFields.pause(in: try head(lines).fields, at: now).map { Double($0) / 1e9 }
    }

    @Test("nothing is used up while something remains, or where that is not said")
    func remains() throws {
        #expect(try Self.pause([]) == nil)
        for remaining in ["1", "59", "-1", "", "0.0", "none", "00000000000000000000000", "zero"] {
            let lines = ["requests", "tokens"].flatMap {
                ["x-ratelimit-remaining-\($0): \(remaining)", "x-ratelimit-reset-\($0): 6m0s"]
            }
            #expect(try Self.pause(lines) == nil, "\(remaining)")
        }
    }

    @Test("what is used up of OpenAI's limits comes back when all of it has")
    func openAI() throws {
        #expect(
            try Self.pause(["X-RateLimit-Remaining-Requests: 0", "x-ratelimit-reset-requests: 6m0s"]) == 360)
        let both = [
            "x-ratelimit-reset-tokens: 20ms", "x-ratelimit-remaining-tokens: 0", "x-ratelimit-remaining-requests: 0",
            "x-ratelimit-reset-requests: 1s",
        ]
        #expect(try Self.pause(both) == 1)
        // The other's time is no word about this one.
        let other = ["x-ratelimit-remaining-tokens: 0", "x-ratelimit-reset-requests: 1s"]
        #expect(try Self.pause(other) == nil)
    }

    @Test("so does what is used up of Anthropic's", arguments: ["requests", "tokens", "input-tokens", "output-tokens"])
    func anthropic(_ what: String) throws {
        func pause(_ reset: String) throws -> Double? {
            try Self.pause([
                "anthropic-ratelimit-\(what)-limit: 50", "anthropic-ratelimit-\(what)-remaining: 0",
                "anthropic-ratelimit-\(what)-reset: \(reset)",
            ])
        }
        #expect(try pause("2026-12-01T12:00:30Z") == 30)
        #expect(try pause("2026-12-01T13:00:30.25+01:00") == 30.25)
        // What has come back already, and what is no time.
        for reset in ["2026-12-01T12:00:00Z", "1999-12-31T23:59:59Z", "soon", "1796126430", "30s", "", "2026-12-01"] {
            #expect(try pause(reset) == nil, "\(reset)")
        }
    }

    @Test("nonsense is passed over", arguments: 0..<2_000)
    func nonsense(seed: UInt64) throws {
        var generator = SeededGenerator(seed)
        let alphabet = Array("0123456789.-+:hmsunTZ \u{B5}x")
        func word() -> String {
            String(
                (0..<Int.random(in: 0..<48, using: &generator)).map { _ in alphabet.randomElement(using: &generator)! })
        }
        let pause = try Self.pause([
            "x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: \(word())", "x-ratelimit-reset-: 9s",
            "x-ratelimit-remaining-: 0", "anthropic-ratelimit--remaining: 0", "anthropic-ratelimit-remaining: 0",
            "anthropic-ratelimit-tokens-remaining: 0", "anthropic-ratelimit-tokens-reset: \(word())",
        ])
        #expect(pause.map { $0 > 0 } ?? true)
    }

    @Test("retry-after-ms is finer than retry-after, and goes before it")
    func retryAfter() throws {
        let cases: [([String], Int?)] = [
            ([], nil), (["retry-after: 7"], 7_000), (["retry-after-ms: 250"], 250), (["retry-after-ms: 250.75"], 251),
            (["retry-after: 7", "retry-after-ms: 250"], 250), (["retry-after: 7", "retry-after-ms: soon"], 7_000),
            (["retry-after-ms: -5"], nil), (["retry-after-ms: 5s"], nil), (["retry-after: Fri, 31 Dec 1999"], 1_000),
            (["retry-after: 999999999999999999"], 3_600_000), (["retry-after-ms: 9999999999999999999"], 3_600_000),
        ]
        for (lines, expected) in cases {
            #expect(try Self.head(lines).retryAfterMilliseconds(at: .now) == expected, "\(lines)")
        }
    }

    @Test("the pause that a refusal asks for is never nought, and never longer than a minute")
    func pauses() {
        let second: Int64 = 1_000_000_000
        for (milliseconds, expected) in [(nil, second), (0, second), (1, 1_000_000), (7_000, 7 * second)] {
            for status in [429, 503, 529] {
                #expect(
                    UpstreamFailure.status(status, retryAfterMilliseconds: milliseconds).pauseNanoseconds == expected)
            }
            #expect(UpstreamFailure.status(500, retryAfterMilliseconds: milliseconds).pauseNanoseconds == nil)
        }
        #expect(UpstreamFailure.connectTimeout.pauseNanoseconds == nil)
    }
}

@Suite("Durations and instants in header fields")
struct FieldTimeTests {
    static func nanoseconds(_ text: String) -> Int64? { DurationField.nanoseconds(Array(text.utf8)[...]) }
    static func instant(_ text: String) -> Timestamp? { Timestamp(rfc3339: Array(text.utf8)[...]) }

    @Test("a duration is the sum of its parts", arguments: 0..<500)
    func sums(seed: UInt64) {
        var generator = SeededGenerator(seed)
        let units: [(String, Int64)] = [
            ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000),
            ("µs", 1_000), ("ns", 1),
        ]
        var (text, sum) = ("", Int64(0))
        for _ in 0...Int.random(in: 0..<3, using: &generator) {
            let (name, unit) = units.randomElement(using: &generator)!
            let whole = Int64.random(in: 0..<1_000, using: &generator)
            text += "\(whole)"
            sum += whole * unit
            if Bool.random(using: &generator) {
                let thousandths = Int64.random(in: 0..<1_000, using: &generator)
                text += "." + String(1_000 + thousandths).dropFirst()
                sum += unit * thousandths / 1_000
            }
            text += name
        }
        #expect(Self.nanoseconds(text) == sum, "\(text)")
    }

    @Test("examples of providers")
    func examples() {
        let cases: [(String, Double)] = [
            ("6m0s", 360), ("20ms", 0.02), ("1s", 1), ("8.64s", 8.64), ("2m59.56s", 179.56), ("1h0m0.5s", 3_600.5),
            ("0s", 0),
        ]
        for (text, seconds) in cases {
            #expect(Self.nanoseconds(text).map { Double($0) / 1e9 } == seconds, "\(text)")
        }
    }

    @Test(
        "what is no duration is none",
        arguments: [
            "", "s", "1", "-1s", "+1s", "1 s", "1s ", " 1s", "1d", "1S", "s1", "1..5s", ".5s", "1e9s", "1s1", "١s",
            "9999999999999999999s", "999999999999999999h", "9223372036s9223372036s", String(repeating: "1s", count: 21),
        ])
    func noDuration(text: String) {
        #expect(Self.nanoseconds(text) == nil)
    }

    @Test("an instant reads as Foundation reads it", arguments: 0..<500)
    func instants(seed: UInt64) throws {
        var generator = SeededGenerator(seed)
        // From 1900 to 2199.
        let seconds = Int64.random(in: -2_208_988_800..<7_258_118_400, using: &generator)
        let date = Date(timeIntervalSince1970: Double(seconds))
        #expect(Self.instant(date.formatted(.iso8601))?.microseconds == seconds * 1_000_000)
        let zone = try #require(TimeZone(secondsFromGMT: Int.random(in: -840...840, using: &generator) * 60))
        let style = Date.ISO8601FormatStyle(timeZoneSeparator: .colon, timeZone: zone)
        #expect(Self.instant(date.formatted(style))?.microseconds == seconds * 1_000_000, "\(date.formatted(style))")
    }

    @Test("fractions, small letters and leap seconds are read")
    func variants() {
        let base = Self.instant("2026-12-31T23:59:59Z")?.microseconds
        #expect(Self.instant("2026-12-31t23:59:59.123456789z")?.microseconds == base.map { $0 + 123_456 })
        #expect(Self.instant("2026-12-31T23:59:60Z")?.microseconds == base.map { $0 + 1_000_000 })
        #expect(Self.instant("2024-02-29T00:00:00Z") != nil)
    }

    @Test(
        "what is no instant is none",
        arguments: [
            "", "2026-12-01", "2026-12-01T12:00:00", "2026-12-01 12:00:00Z", "2026-13-01T12:00:00Z",
            "2026-00-01T12:00:00Z", "2026-02-29T12:00:00Z", "2100-02-29T12:00:00Z", "2026-04-31T12:00:00Z",
            "2026-12-00T12:00:00Z", "2026-12-01T24:00:00Z", "2026-12-01T12:60:00Z", "2026-12-01T12:00:61Z",
            "2026-12-01T12:00:00.Z", "2026-12-01T12:00:00+24:00", "2026-12-01T12:00:00+0100", "2026-12-01T12:00:00Z ",
            "26-12-01T12:00:00Z", "2026-1-01T12:00:00Z", "+026-12-01T12:00:00Z",
            "2026-12-01T12:00:00." + String(repeating: "1", count: 60) + "Z",
        ])
    func noInstant(text: String) {
        #expect(Self.instant(text) == nil)
    }
}
