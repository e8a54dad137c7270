internal import Mustache

/// A desk's page templates, parsed once.
///
/// `{{name}}` escapes; `{{{name}}}` is for `SafeHTML` alone. A template may include another by `{{> name}}`.
package struct Templates: Sendable {
    private let library: MustacheLibrary

    /// - Parameter sources: Mustache text by name.
    /// - Throws: the parser's error, which says where a template is wrong.
    package init(_ sources: [String: String]) throws {
        MustacheContentTypes.register(ScalarEscaping(), named: ScalarEscaping.name)
        var library = MustacheLibrary()
        for (name, source) in sources {
            // A page must not depend on which template is the outermost, so each says how it escapes.
            try library.register("{{%CONTENT_TYPE:\(ScalarEscaping.name)}}" + source, named: name)
        }
        self.library = library
    }

    /// Renders a template with a view value: a struct whose properties the template names.
    ///
    /// - Precondition: there is such a template.
    package func html(_ name: String, _ view: some Sendable) -> SafeHTML {
        guard let text = library.render(view, withTemplate: name) else {
            preconditionFailure("there is no template named \(name)")
        }
        return SafeHTML(rendered: text)
    }
}
