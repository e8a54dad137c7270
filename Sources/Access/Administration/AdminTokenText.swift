/// The text of tokens for `/admin/v1`: in the form of an API key's, beginning with `stw_admin_`.
enum AdminTokenText {
    static let prefix: StaticString = "stw_admin_"

    enum Form: Sendable, Hashable {
        /// Looks like a token; whether it is one only the look-up tells.
        case wellFormed
        /// Begins like a token, but was cut off, changed or mistyped.
        case mistyped
        /// An API key of the gateway.
        case apiKey
        case notOurs
    }

    static func parse(_ text: String) -> Form {
        var text = text
        return text.withUTF8 { text in
            if APIKeyText.begins(text, with: prefix) {
                return APIKeyText.hasChecksum(text, prefixCount: prefix.utf8CodeUnitCount) ? .wellFormed : .mistyped
            }
            return APIKeyText.parse(text) == .notOurs ? .notOurs : .apiKey
        }
    }

    static func generate(using generator: inout some RandomNumberGenerator) -> String {
        APIKeyText.generate(prefix, using: &generator)
    }

    /// The beginning that may be shown.
    static func hint(of text: String) -> String { APIKeyText.hint(of: text, prefix) }
}
