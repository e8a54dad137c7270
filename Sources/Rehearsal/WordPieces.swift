/// The rehearsal model's tokens: pieces that, joined, give the text again.
///
/// A token is an optional leading space with up to eight letters, digits or marks; or one other scalar, also with its
/// leading space. Of no real model's tokeniser; near enough to exercise counting (about four bytes an English token).
package enum WordPieces {
    private static let lengthMax = 8

    package static func split(_ text: String) -> [String] {
        var pieces: [String] = []
        pieces.reserveCapacity(text.utf8.count / 4 + 1)
        var piece = ""
        var length = 0
        for scalar in text.unicodeScalars {
            let isWord = isWord(scalar)
            let continues = isWord ? length < lengthMax && (length > 0 || piece == " ") : piece == " " && scalar != " "
            if !continues, !piece.isEmpty {
                pieces.append(piece)
                piece = ""
                length = 0
            }
            piece.unicodeScalars.append(scalar)
            if isWord {
                length += 1
            } else if scalar != " " || continues {
                pieces.append(piece)
                piece = ""
                length = 0
            }
        }
        if !piece.isEmpty { pieces.append(piece) }
        return pieces
    }

    package static func count(_ text: String) -> Int {
        split(text).count
    }

    /// Cuts a text into so many parts of about equal length, at scalars; fewer if it has fewer scalars.
    package static func cut(_ text: String, into parts: Int) -> [String] {
        let scalars = Array(text.unicodeScalars)
        let parts = max(1, min(parts, scalars.count))
        return (0..<parts).map { part in
            var piece = String.UnicodeScalarView()
            piece.append(contentsOf: scalars[scalars.count * part / parts..<scalars.count * (part + 1) / parts])
            return String(piece)
        }
    }

    private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII {
            return switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9": true
            default: false
            }
        }
        return scalar.properties.isAlphabetic || scalar.properties.numericType != nil
            || scalar.properties.generalCategory == .nonspacingMark
    }
}
