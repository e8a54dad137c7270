/// How words are spelt where they are looked for before any search: lower case, with 0 as o and 1 as l, as in a skeleton, and
/// with a blank for all that no word has. So one look does for the words of both views, whatever stands around them.
enum GateText {
    static let blank: UInt8 = 0x20
    private static let bar: UInt8 = 0x7C

    /// - Parameter barIsLetter: whether a bar is an l, as it is in the skeleton only.
    @inline(__always)
    static func letter(_ byte: UInt8, barIsLetter: Bool) -> UInt8 {
        let lowered = byte | 0x20
        let isLetter = lowered &- 0x61 < 26
        let isKept = byte &- 0x32 < 8 || byte == 0x5F
        var letter = isLetter ? lowered : isKept ? byte : blank
        letter = byte == 0x30 ? 0x6F : letter
        letter = byte == 0x31 ? 0x6C : letter
        return byte == bar && barIsLetter ? 0x6C : letter
    }

    static let all = Set((0...0xFF).map { letter($0, barIsLetter: false) })

    /// Writes a text to `letters`, which has room for it.
    ///
    /// - Returns: whether it has a bar.
    static func write(
        _ text: UnsafeBufferPointer<UInt8>, to letters: UnsafeMutablePointer<UInt8>, barIsLetter: Bool
    ) -> Bool {
        // No branches within, so that many bytes are taken at a time.
        var least: UInt8 = 0xFF
        for byte in text { least = min(least, byte ^ bar) }
        let hasBar = least == 0
        if hasBar, barIsLetter {
            for index in 0..<text.count { letters[index] = letter(text[index], barIsLetter: true) }
        } else {
            for index in 0..<text.count { letters[index] = letter(text[index], barIsLetter: false) }
        }
        return hasBar
    }

    /// How often prose has letters in a row, roughly, of all places where they may stand.
    static func frequency(_ letters: ArraySlice<UInt8>) -> Double {
        guard let first = letters.first else { return 1 }
        return zip(letters, letters.dropFirst()).reduce(frequency(first)) { $0 * frequency($1.1, after: $1.0) }
    }

    private static func frequency(_ letter: UInt8) -> Double {
        place(letter).map { frequency(ofCode: Self.first[$0]) } ?? otherFrequency
    }

    private static func frequency(_ letter: UInt8, after previous: UInt8) -> Double {
        guard let row = place(previous), let column = place(letter) else { return otherFrequency }
        return frequency(ofCode: pairs[row * first.count + column])
    }

    /// Of digits and underscores.
    private static let otherFrequency = 0.003

    /// In the tables: the blank, then the alphabet.
    private static func place(_ letter: UInt8) -> Int? {
        letter == blank ? 0 : letter &- 0x61 < 26 ? Int(letter) - 0x60 : nil
    }

    /// 0 is always, and each next one of 0 to 9 and a to z less often, by the root of two.
    private static func frequency(ofCode code: UInt8) -> Double {
        var frequency = 1.0
        for _ in 0..<Int(code < 0x61 ? code - 0x30 : code - 0x57) { frequency *= 0.5.squareRoot() }
        return frequency
    }

    /// How often each letter comes, in English; a line for what follows each is in `pairs`. Counted in two megabytes of prompts,
    /// chats and reviews.
    private static let first = Array("58dab7bba8jfab88bk997bechcj".utf8)
    private static let pairs = Array(
        """
        66a89a9ba8ffa9b89gb86ce8kcm
        5ma9bmgbjakc795obp785echjbj
        a7ejk3nok8er7hl5lr9bh8lnm9s
        a6pdn6qs68taajn5nn7e79qvqeo
        29jkd4kgk7hoeig8krcaladjqds
        39gb9beejepjab7edh67ahdebfn
        39noo79nq6sjcpo4ps8jc9zjobs
        38jpi5kb97qqbib9eu8cgarnubq
        75mjj3otq7rqife7ooaibdontbs
        abb8aaabomne9a48cib76k9qjrd
        a6mre4mrkajhkmj4kkjck4kjrkr
        3bjgi3egk6ifdj9cgwg8gckjpdp
        56if95efo6pg6hl7eukbbbfhr9q
        65bnn4kou8qsg9i76umbmbpnsbq
        49l977f6k9keeheajpl96deoodn
        6gdcbe7cjeke985bbr6aa6b9jho
        87njj5kl99so5gk69u6b99opoeu
        ajkjimmjrhkramrkrrjhj0mmkrr
        57gdb4gcj6sddcc7gsd89cekpas
        3bk9m6hma8mdefh8bjl95amfqeu
        49kgn5kk46speil7iuabdcocscp
        7ac9b9haoboj797ias666nmnjgk
        e7pmj1sps4pxlml9kxliqkpqxip
        66knj6pk55opgnc6oy8cinyiymt
        56kajajhf9uujhif3lui6chl8cu
        1ggfhaklncyodde5atg9ckrhrmg
        83hmm3kki7rrchj9mrkjicmjiba
        """.utf8.filter { $0 != 0x0A })
}
