/// Words and phrases as one pattern of the skeleton view.
///
/// A word is found where no letter, digit or underscore of ASCII stands beside it in the view, since look-alikes of other scripts
/// are ASCII there. One of another script, which may be written without blanks, is found within others too.
struct WordList {
    private let words: [String]

    init(_ words: [String]) { self.words = words }

    var pattern: String {
        let view = CodePointView(.skeleton)
        // The longest first, so that a phrase is found whole.
        let sorted = Set(words).sorted { ($1.utf8.count, $0) < ($0.utf8.count, $1) }
        return sorted.map { Self.pattern(of: $0, view) }.joined(separator: "|")
    }

    private static func pattern(of phrase: String, _ view: CodePointView) -> String {
        let parts = phrase.split(whereSeparator: \.isWhitespace)
        let text = parts.map { $0.unicodeScalars.map(escaped).joined() }.joined(separator: #"\s{1,3}"#)
        let ends = [parts.first?.unicodeScalars.first, parts.last?.unicodeScalars.last].map { isWord($0, view) }
        return (ends[0] ? #"\b"# : "") + text + (ends[1] ? #"\b"# : "")
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        let isSign = scalar.isASCII && !ByteSet.word.contains(UInt8(scalar.value))
        return (isSign ? "\\" : "") + String(scalar)
    }

    private static func isWord(_ scalar: Unicode.Scalar?, _ view: CodePointView) -> Bool {
        guard let scalar, scalar.isASCII else { return false }
        return ByteSet.word.contains(Skeleton.ascii(UInt8(scalar.value)))
    }
}
