internal import JSON

/// What a part of a message's content has besides text, in OpenAI's dialects.
struct ContentPart {
    /// Types of parts that are known.
    let types: [StaticString]
    /// Members that hold text, or say how it is handled.
    let texts: [StaticString]

    /// Notes what of a part is no text. What is text in a part of a type that nobody knows is screened all the same.
    ///
    /// A server may go by the type or by the members, whatever the type says. So text is only what has nothing but the
    /// members of text.
    func read(
        _ document: JSONDocument, _ part: JSONNode, at place: @autoclosure () -> String, into facts: inout RequestFacts
    ) throws(PathExit) {
        func note(_ what: Unscreenable) { facts.unscreenable.append((what, place())) }
        if document.kind(part) == .string { return }
        guard document.kind(part) == .object else {
            throw .refused(.invalid(place(), "`\(place())` must be an object, or a string."))
        }
        try document.forEachMember(of: part) { (key, value) throws(PathExit) in
            // Null means that the member is missing.
            if document.isNull(value) || texts.contains(where: { document.utf8Equals(key, $0) }) { return }
            if document.utf8Equals(key, "type") {
                guard document.kind(value) == .string else {
                    throw .refused(.invalid("\(place()).type", "`\(place()).type` must be a string."))
                }
                if !types.contains(where: { document.utf8Equals(value, $0) }) { note(.files) }
            } else if document.utf8Equals(key, "image_url") {
                let url = document.member("url", of: value) ?? value
                note(document.withUTF8(of: url) { $0.starts(with: "data:".utf8) } ? .images : .remoteImages)
            } else if document.utf8Equals(key, "input_audio") || document.utf8Equals(key, "audio_url") {
                note(.audio)
            } else {
                note(.files)
            }
        }
    }
}
