/// Why a text is no address; the end of "`path` …". Shows nothing of the address, which might hold a password.
struct URLComplaint: Error, Hashable {
    let message: String
}

/// An address of a server: scheme, host, port and base path, and nothing else.
struct UpstreamURL: Sendable, Hashable {
    let usesTLS: Bool
    /// Without brackets.
    let host: String
    let port: Int
    /// Empty, or beginning with `/` and not ending with it.
    let basePath: String

    init(_ text: String) throws(URLComplaint) {
        let schemes = [("https://", true), ("http://", false)]
        guard let (scheme, usesTLS) = schemes.first(where: { text.lowercased().hasPrefix($0.0) }) else {
            throw URLComplaint(message: "does not begin with http:// or https://")
        }
        self.usesTLS = usesTLS
        let rest = text.dropFirst(scheme.count)
        guard rest.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x5C && $0 != 0x22 }) else {
            throw URLComplaint(message: "has spaces or characters that belong into no address")
        }
        guard !rest.contains("?"), !rest.contains("#") else { throw URLComplaint(message: "has a query or a fragment") }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        var authority = rest[..<slash]
        guard !authority.contains("@") else {
            throw URLComplaint(message: "holds a user or password, which don't belong here")
        }
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { throw URLComplaint(message: "has no host") }
            host = String(authority[authority.index(after: authority.startIndex)..<end])
            authority = authority[authority.index(after: end)...]
            guard authority.isEmpty || authority.hasPrefix(":") else { throw URLComplaint(message: "has no host") }
        } else {
            let colon = authority.firstIndex(of: ":") ?? authority.endIndex
            host = String(authority[..<colon])
            authority = authority[colon...]
        }
        guard !host.isEmpty else { throw URLComplaint(message: "has no host") }
        if authority.isEmpty {
            port = usesTLS ? 443 : 80
        } else {
            guard let number = Int(authority.dropFirst()), (1...65_535).contains(number) else {
                throw URLComplaint(message: "has a port that is no number from 1 to 65535")
            }
            port = number
        }
        var path = rest[slash...].withoutSlashes
        // Client libraries ask for an address with /v1; the gateway adds it itself.
        if path.hasSuffix("/v1") { path.removeLast(3) }
        basePath = String(path)
    }
}

extension StringProtocol {
    /// Without the slashes at its end.
    var withoutSlashes: SubSequence {
        var end = endIndex
        while end > startIndex, self[index(before: end)] == "/" { end = index(before: end) }
        return self[..<end]
    }
}
