/// What stands in place of text of some categories that was taken out.
package struct RedactionStyle: Sendable, Hashable {
    package enum Form: Sendable, Hashable {
        /// A text in which `{category}` is the category.
        case text(String)
        /// Of a prompt: a numbered placeholder, such as `[EMAIL_1]`, for which the caller finds the original in the answer.
        /// Elsewhere as if nothing were said.
        case restored
    }

    package var categories: [Category]
    package var form: Form
    package var place: PolicyOverrides.Place

    static let textBytesMax = 64

    /// Whether a text can stand anywhere in an answer, in JSON that is a string too, and can be told from others.
    static func isMarker(_ text: String) -> Bool {
        text.utf8.count <= textBytesMax && !text.isEmpty && !text.hasPrefix("{category}")
            && text.utf8.allSatisfy { (0x20...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C }
    }
}

/// What stands in place of what is taken out, by category.
package struct RedactionMarkers: Sendable {
    private let styles: [RedactionStyle]

    package static let standard = RedactionMarkers([])
    private static let standardForm = "[redacted:{category}]"

    package init(_ styles: [RedactionStyle]) { self.styles = styles }

    /// In an answer, or where nothing is given back.
    package func marker(_ category: Category) -> [UInt8] {
        var form = Self.standardForm
        let texts = RedactionMarkers(styles.filter { $0.form != .restored })
        if case .text(let own) = texts.style(of: category) { form = own }
        return Array(Self.filled(form, category).utf8)
    }

    package func isRestored(_ category: Category) -> Bool { style(of: category) == .restored }

    /// Whether any category's original is given back.
    package var restoresAny: Bool { styles.contains { $0.form == .restored } }

    /// Whether a text has what may be a marker.
    package func mayStand(in text: [UInt8]) -> Bool {
        let text = String(decoding: text, as: UTF8.self)
        return Self.beginnings(of: styles).contains { text.contains($0) }
    }

    /// The most special category that is named decides, as in the guidelines.
    private func style(of category: Category) -> RedactionStyle.Form? {
        let named = styles.flatMap { style in
            style.categories.filter { $0.covers(category) }.map { (depth: $0.rawValue.utf8.count, form: style.form) }
        }
        return named.max { $0.depth < $1.depth }?.form
    }

    private static func filled(_ form: String, _ category: Category) -> String {
        form.split(separator: "{category}", omittingEmptySubsequences: false).joined(separator: category.rawValue)
    }

    private static func beginnings(of styles: [RedactionStyle]) -> [Substring] {
        let own = styles.compactMap { style -> String? in
            if case .text(let form) = style.form { form } else { nil }
        }
        return ([standardForm] + own).map { $0.split(separator: "{category}", omittingEmptySubsequences: false)[0] }
    }
}
