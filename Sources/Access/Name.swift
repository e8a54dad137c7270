/// What may be a name of an organisation, application or key.
enum Name {
    /// - Throws: `AccessError.invalidName`.
    static func validate(_ name: String) throws(AccessError) {
        let scalars = name.unicodeScalars
        guard (1...100).contains(scalars.count), scalars.first?.properties.isWhitespace == false,
            scalars.last?.properties.isWhitespace == false, !scalars.contains(where: \.isHidden)
        else { throw .invalidName(name) }
    }
}

extension Unicode.Scalar {
    /// Whether it shows nothing itself, or nothing that can be told, but may change what the text around it looks like:
    /// control characters, marks that turn the direction of writing, zero-width characters, fillers, line separators and
    /// characters of private use.
    ///
    /// A name with one could pass for another name, and a terminal might obey it.
    package var isHidden: Bool {
        if properties.isDefaultIgnorableCodePoint || self == Self.blankBraille { return true }
        return switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse: true
        default: false
        }
    }

    /// A Braille pattern without dots: to Unicode a symbol, to the eye a blank.
    private static let blankBraille: Unicode.Scalar = "\u{2800}"
}
