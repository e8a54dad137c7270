internal import CCLD2

/// What language a text is written in, as far as it can be told.
package struct Language: Sendable, Hashable, CustomStringConvertible {
    /// BCP 47, such as `en` or `zh-Hant`; `und` where nothing can be told.
    package let code: String

    package static let undetermined = Language(code: "und")

    package var description: String { code }

    package init(code: String) {
        self.code = code
    }

    /// Guesses by the letters of a text: its first 64 KB tell enough. Costs some 100 ns a byte: not for every text of the
    /// request path.
    ///
    /// Undetermined where the guess is not clearly likelier than the next, or nearly half of the text is something else.
    ///
    /// - Precondition: `text` is valid UTF-8.
    package init(of text: UnsafeBufferPointer<UInt8>) {
        var count = min(text.count, Self.bytesMax)
        while count > 0, count < text.count, text[count] & 0xC0 == 0x80 { count -= 1 }
        guard count > 0, let base = text.baseAddress else { self = .undetermined; return }
        let guess = ccld2_detect(base, Int32(count))
        guard guess.is_reliable != 0, guess.percent > 55, let code = guess.code else { self = .undetermined; return }
        self.code = Self.bcp47(String(cString: code))
    }

    /// CLD2 tells a script alone as `xx-Runr`, codes of its own as `zz…`, and some languages by codes that were replaced.
    private static func bcp47(_ code: String) -> String {
        if code.hasPrefix("xx") || code.hasPrefix("zz") || code == "un" { return undetermined.code }
        return ["iw": "he", "jw": "jv", "in": "id", "mo": "ro", "sh": "sr-Latn"][code] ?? code
    }

    private static let bytesMax = 65_536
}
