/// Writes text as the classifier reads it, byte by byte: white space as single blanks, runs of one ASCII character cut to three,
/// digits and signs that stand for letters as these (`h4te`), and letters that stand alone as words (`h a t e`, `h.a.t.e`).
///
/// It takes bytes of the folded view: UTF-8 in lower case, without marks, confusables as the letters that they look like.
/// What it emits never depends on where the text was cut. At most one separator and one letter are held until the next byte.
struct ClassifierFold {
    /// The byte that was emitted last, and how many of it in a row.
    private var last: UInt8 = 0
    private var run = 0
    /// Characters of the word so far, as far as it matters: 0, 1, or more.
    private var wordCount = 0
    private var endsWithASCII = true
    /// What joins the letters of a word that is spelled out.
    private var joint: UInt8 = 0
    /// Held until it is known whether what comes next is one letter only.
    private var separator: UInt8?
    private var letter: UInt8?

    mutating func take(_ byte: UInt8, emit: (UInt8) -> Void) {
        let byte = Self.isSpace(byte) ? 0x20 : byte
        if let separator {
            if let letter {
                guard Self.isWord(byte) else {
                    // One letter between separators goes on with the letter before.
                    joint = separator
                    put(Self.letter(letter), emit)
                    (self.separator, self.letter) = (nil, nil)
                    return takeSeparator(byte, emit)
                }
                giveUp(separator, emit)
                takeWord(letter, emit)
                self.letter = nil
            } else if Self.isWord(byte), byte < 0x80 {
                letter = byte
                return
            } else {
                giveUp(separator, emit)
            }
        }
        if Self.isWord(byte) { takeWord(byte, emit) } else { takeSeparator(byte, emit) }
    }

    /// Ends the text.
    mutating func finish(emit: (UInt8) -> Void) {
        guard let separator else { return }
        if let letter { put(Self.letter(letter), emit) } else { giveUp(separator, emit) }
        (self.separator, letter) = (nil, nil)
    }

    private mutating func takeWord(_ byte: UInt8, _ emit: (UInt8) -> Void) {
        if byte & 0xC0 != 0x80 { wordCount = min(wordCount + 1, 2) }
        endsWithASCII = byte < 0x80
        put(Self.letter(byte), emit)
    }

    private mutating func takeSeparator(_ byte: UInt8, _ emit: (UInt8) -> Void) {
        if wordCount == 1, endsWithASCII, joint == 0 || joint == byte {
            separator = byte
            return
        }
        giveUp(byte, emit)
    }

    /// Emits a separator that joins nothing.
    private mutating func giveUp(_ byte: UInt8, _ emit: (UInt8) -> Void) {
        (separator, wordCount, joint) = (nil, 0, 0)
        if byte == 0x20, last == 0x20 { return }
        put(byte, emit)
    }

    private mutating func put(_ byte: UInt8, _ emit: (UInt8) -> Void) {
        run = byte == last ? run + 1 : 1
        last = byte
        if run <= Self.runMax || byte >= 0x80 { emit(byte) }
    }

    private static let runMax = 3

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    static func isWord(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte >= 0x80 || byte == 0x40 || byte == 0x24
    }

    /// What a digit or sign is read as that may stand for a letter.
    private static func letter(_ byte: UInt8) -> UInt8 {
        switch byte {
        case 0x30: 0x6F
        case 0x31: 0x69
        case 0x33: 0x65
        case 0x34, 0x40: 0x61
        case 0x35, 0x24: 0x73
        case 0x37: 0x74
        case 0x38: 0x62
        default: byte
        }
    }
}
