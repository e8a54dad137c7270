import Storage
import Testing

@testable import Gateway

@Suite("Retry-After (RFC 9110, section 10.2.3)")
struct RetryAfterTests {
    /// Sun, 06 Nov 1994 08:49:37 GMT
    static let now = Timestamp(microseconds: 784_111_777_000_000)

    private func seconds(_ value: String, at now: Timestamp = Self.now) throws -> Int? {
        let head = Array("HTTP/1.1 429 Too Many\r\nretry-after: \(value)\r\ncontent-length: 0\r\n\r\n".utf8)
        let wait = try ResponseHead(parsing: head, fieldsMax: 10).retryAfterMilliseconds(at: now)
        return wait.map { ($0 + 999) / 1_000 }
    }

    @Test(
        "is seconds, of which a fraction counts as a whole one",
        arguments: [
            ("0", 0), ("7", 7), ("007", 7), ("3600", 3_600), ("0.5", 1), ("0.001", 1), ("0.0001", 1), ("1.0", 1),
            ("1.0000", 1), ("1.2345", 2), ("59.999", 60), ("30.", 30),
        ])
    func readsSeconds(_ value: String, _ expected: Int) throws {
        #expect(try seconds(value) == expected)
    }

    @Test(
        "is an hour at most, however large the number is",
        arguments: [
            "3601", "3600.5", "99999", "1234567890123456", "9223372036854775807", "9223372036854775808",
            "170141183460469231731687303715884105728", String(repeating: "9", count: 5_000),
            "Sun, 06 Nov 1994 09:49:38 GMT", "Fri, 31 Dec 9999 23:59:59 GMT",
        ])
    func isAnHourAtMost(_ value: String) throws {
        #expect(try seconds(value) == RetryAfterField.secondsMax)
    }

    @Test(
        "is a date in any of three formats",
        arguments: [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 0), ("Sun, 06 Nov 1994 08:50:07 GMT", 30),
            ("Sunday, 06-Nov-94 08:50:07 GMT", 30), ("Sun Nov  6 08:50:07 1994", 30),
            ("Sun, 06 Nov 1994 09:00:00 GMT", 623), ("Sun, 06 Nov 1994 08:59:60 GMT", 623),
            ("Sat, 05 Nov 1994 08:49:37 GMT", 0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Sunday, 06-Nov-45 08:50:07 GMT", 0),
        ])
    func readsDates(_ value: String, _ expected: Int) throws {
        #expect(try seconds(value) == expected)
    }

    @Test("is rounded up where now is between two seconds")
    func roundsDatesUp() throws {
        let now = Timestamp(microseconds: Self.now.microseconds + 250_000)
        #expect(try seconds("Sun, 06 Nov 1994 08:49:39 GMT", at: now) == 2)
    }

    @Test(
        "knows the days of every month",
        arguments: [("28 Feb 1995", true), ("29 Feb 1995", false), ("29 Feb 1996", true)])
    func knowsMonths(_ day: String, _ exists: Bool) {
        let text = Array("Tue, \(day) 00:00:00 GMT".utf8)
        #expect((HTTPDate.seconds(text[...], at: Self.now) != nil) == exists)
    }

    @Test(
        "is a second where it says nothing that can be read",
        arguments: [
            "soon", "-5", "+5", "1e3", "0x10", ".5", "1.2.3", "12 s", "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 31 Nov 1994 08:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT",
            String(repeating: "x", count: 5_000),
        ])
    func isASecondOtherwise(_ value: String) throws {
        #expect(try seconds(value) == 1)
    }

    @Test("is nothing where there is none")
    func isNothingWithoutIt() throws {
        let head = Array("HTTP/1.1 429 Too Many\r\ncontent-length: 0\r\n\r\n".utf8)
        #expect(try ResponseHead(parsing: head, fieldsMax: 10).retryAfterMilliseconds(at: Self.now) == nil)
    }
}
