/// Who wrote a text of a request.
package enum TextSource: Sendable, Hashable {
    /// Who asks, or the model on an earlier turn.
    case caller
    /// Somebody else: a tool or a document brought it.
    case tool
}
