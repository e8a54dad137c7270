/// The text of an upstream's API key, fit for a header field: printable ASCII without spaces, on one line.
///
/// Anything else would break the heads of all requests to that upstream, or add fields to them.
struct CredentialText: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible {
    /// For the request that carries it; never printed or logged.
    let value: String

    /// - Parameter written: As it stands in a variable or file; white space around it, such as the last line's end, is
    ///   left out.
    init?(_ written: String) {
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
        let text = written.utf8.drop(while: isSpace)
        let end = text.lastIndex { !isSpace($0) }
        guard let end, text[...end].allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        value = String(Substring(text[...end]))
    }

    static let advice = "Let it hold the server's API key and nothing else: one line of ASCII without spaces."

    var description: String { "[secret]" }
    var debugDescription: String { "[secret]" }
}
