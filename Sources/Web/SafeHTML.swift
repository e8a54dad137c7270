internal import Mustache

/// HTML that was made by a template, and may stand in a page as it is.
///
/// Only templates make it, so a text from outside can never be one.
package struct SafeHTML: Sendable, Hashable {
    package let text: String

    init(rendered text: String) {
        self.text = text
    }
}

extension SafeHTML: MustacheCustomRenderable {
    var renderText: String { text }
    var isNull: Bool { text.isEmpty }
}

/// Escapes text for HTML, between tags and in quoted attributes.
///
/// It replaces scalars. Mustache's own escaping replaces characters, and so lets `"` pass when a combining mark follows
/// it, which would end an attribute.
struct ScalarEscaping: MustacheContentType {
    static let name = "STEWARD"

    func escapeText(_ text: String) -> String {
        var escaped = ""
        escaped.unicodeScalars.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            case "\u{0}": escaped.unicodeScalars.append("\u{FFFD}")
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
