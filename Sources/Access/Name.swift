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
    /// Whether it shows nothing itself but may change what the text around it looks like: control characters, marks
    /// that turn the direction of writing, zero-width characters and line separators.
    ///
    /// A name with one could pass for another name, and a terminal might obey it.
    package var isHidden: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}
