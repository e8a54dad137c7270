/// What a client would rather read.
enum Accept {
    /// Whether to answer with a page: the client names HTML, and wants it no less than any JSON it names.
    ///
    /// Browsers name `text/html`; `curl` and most libraries send `*/*` or nothing, and get JSON.
    /// Source: RFC 9110, section 12.5.1.
    static func prefersHTML(_ field: String?) -> Bool {
        var html = 0.0
        var json = 0.0
        for range in (field ?? "").split(separator: ",") {
            let parts = range.split(separator: ";").map { $0.trimming(while: { $0 == " " || $0 == "\t" }).lowercased() }
            guard let type = parts.first else { continue }
            let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.map { Double($0.dropFirst(2)) ?? 0 } ?? 1
            switch type {
            case "text/html", "application/xhtml+xml": html = max(html, weight)
            case "application/json", "application/problem+json": json = max(json, weight)
            default: break
            }
        }
        return html > 0 && html >= json
    }
}
