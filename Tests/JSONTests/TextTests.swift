import JSON
import Testing

@Suite("Strings")
struct TextTests {
    /// Every class of byte in Unicode's table 3-7, first and last of each.
    static let bounds: [UInt8] = [
        0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xED, 0xEE, 0xEF, 0xF0,
        0xF1,
        0xF3, 0xF4, 0xF5, 0xFF,
    ]

    private func check(_ content: [UInt8], shift: Int = 0) {
        let padding = [UInt8](repeating: 0x61, count: shift)
        let document = try? JSONDocument(parsing: [0x22] + padding + content + [0x22])
        let isValid = String(validating: content, as: UTF8.self) != nil
        // `#expect` costs more than the parser; this runs 200,000 times.
        if (document != nil) != isValid { Issue.record("\(content) after \(shift) bytes") }
    }

    @Test("accepts exactly the two-byte texts that are UTF-8")
    func validatesPairs() {
        for first in UInt8(0x20)...0xFF where first != 0x22 && first != 0x5C {
            for second in UInt8(0x20)...0xFF where second != 0x22 && second != 0x5C {
                check([first, second], shift: Int(second) % 9)
            }
        }
    }

    @Test("accepts exactly the three- and four-byte texts that are UTF-8", arguments: bounds)
    func validatesLongerTexts(first: UInt8) {
        for second in Self.bounds {
            for third in Self.bounds {
                check([first, second, third], shift: Int(third) % 9)
                for fourth in Self.bounds where fourth & 0xC0 != 0xC0 {
                    check([first, second, third, fourth], shift: Int(fourth) % 9)
                }
            }
        }
    }

    @Test("tells raw surrogates from other invalid UTF-8")
    func namesRawSurrogates() {
        for second in UInt8(0xA0)...0xBF {
            #expect(throws: JSONError(problem: .loneSurrogate, offset: 1, line: 1, column: 2, pointer: "")) {
                try JSONDocument(parsing: [0x22, 0xED, second, 0x80, 0x22])
            }
        }
        #expect(throws: JSONError(problem: .invalidUTF8, offset: 2, line: 1, column: 3, pointer: "/0")) {
            try JSONDocument(parsing: [0x5B, 0x22, 0xC3, 0x22, 0x5D])
        }
    }

    @Test("finds quote, backslash and control characters at every place of a word")
    func findsSpecialBytes() {
        for count in 0..<26 {
            for place in 0..<max(count, 1) where count > 0 {
                for byte in UInt8.min...UInt8.max {
                    var content = [UInt8](repeating: 0x61, count: count)
                    content[place] = byte
                    let document = try? JSONDocument(parsing: [0x22] + content + [0x22])
                    let isPlain = byte >= 0x20 && byte < 0x80 && byte != 0x22 && byte != 0x5C
                    if (document != nil) != isPlain { Issue.record("\(byte) at \(place) of \(count)") }
                }
            }
        }
    }

    @Test("decodes every \\u escape, refuses every half of a pair", arguments: 0..<16)
    func decodesUnits(high: UInt32) throws {
        for unit in high << 12..<(high + 1) << 12 {
            let digits = String(unit, radix: 16, uppercase: unit % 2 == 0)
            let text = "\"\\u" + String(repeating: "0", count: 4 - digits.count) + digits + "\""
            let document = try? JSONDocument(parsing: Array(text.utf8))
            guard let scalar = Unicode.Scalar(unit) else {
                #expect(document == nil)
                continue
            }
            let decoded = try #require(document)
            #expect(decoded.string(decoded.root) == String(scalar))
            #expect(decoded.serialised() == Value.quoted(String(scalar)))
        }
    }

    @Test("decodes pairs over the whole range beyond the basic plane")
    func decodesPairs() throws {
        for value in stride(from: UInt32(0x10000), through: 0x10FFFF, by: 0x101) {
            let scalar = try #require(Unicode.Scalar(value))
            let units = String(scalar).utf16.map { "\\u" + String($0, radix: 16) }
            let document = try JSONDocument(parsing: Array("\"\(units.joined())\"".utf8))
            #expect(document.string(document.root) == String(scalar))
        }
    }

    @Test("compares text with escapes by what it says")
    func comparesText() throws {
        let document = try JSONDocument(parsing: Array(#"{"r\u006Fle":"us\u0065r","rol":"use","":""}"#.utf8))
        let role = try #require(document.member("role", of: document.root))
        #expect(document.utf8Equals(role, "user"))
        #expect(!document.utf8Equals(role, "usen"))
        #expect(!document.utf8Equals(role, "use"))
        #expect(document.utf8Equals(try #require(document.member("rol", of: document.root)), "use"))
        #expect(document.utf8Equals(try #require(document.member("", of: document.root)), ""))
        #expect(document.member("roles", of: document.root) == nil)
        #expect(document.member("role", of: role) == nil)
        #expect(document.withUTF8(of: role) { Array($0) } == Array("user".utf8))
        var appended = Array(">".utf8)
        document.appendUTF8(of: role, to: &appended)
        #expect(appended == Array(">user".utf8))
    }
}
