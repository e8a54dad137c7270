internal import CPostgreSQL

/// Where a PostgreSQL store is: `postgres://user@host:port/name?sslmode=verify-full`, as libpq reads it.
///
/// A socket's folder is a host too: `postgres:///name?host=/run/postgresql`. What is not said comes from libpq's own
/// variables and files (`PGPASSWORD`, `PGSSLROOTCERT`, `~/.pgpass`). No description of it holds the password.
/// Source: https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-CONNSTRING
package struct PostgresAddress: Sendable, Hashable {
    /// Why a text is no address; the end of "`path` …". Nothing of the text is in it.
    package struct Complaint: Error, Sendable, Hashable {
        package let message: String
    }

    /// As it was written, for libpq alone.
    let text: String
    /// In the place of one in ``text``.
    package var password: String?

    package init(_ text: String, password: String? = nil) throws(Complaint) {
        guard text.hasPrefix("postgres://") || text.hasPrefix("postgresql://") else {
            throw Complaint(message: "does not begin with postgres://")
        }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw Complaint(message: "has spaces or characters that belong into no address")
        }
        guard let fields = PostgresFields(text) else {
            throw Complaint(message: "is no address that PostgreSQL's library can read")
        }
        guard !fields.isMisread else {
            throw Complaint(
                message: "has a port that is none, or an @ behind the user; in a password write @ as %40 and / as %2F")
        }
        self.text = text
        self.password = password
    }

    /// The address without its password and without what else is nobody's business; as libpq understands it, not as it
    /// looks.
    package static func masked(_ text: String) -> String {
        (try? PostgresAddress(text))?.description ?? "[no address]"
    }
}

/// What libpq takes a text for.
private struct PostgresFields {
    private let values: [String: String]

    /// `nil` if it can't be read.
    init?(_ text: String) {
        guard let options = PQconninfoParse(text, nil) else { return nil }
        defer { PQconninfoFree(options) }
        var values: [String: String] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { values[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        self.values = values
    }

    subscript(_ name: String) -> String? {
        values[name].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Whether part of a password was taken for something else, and would be shown.
    var isMisread: Bool {
        let ports = (self["port"] ?? "").split(separator: ",")
        return [self["host"], self["hostaddr"], self["dbname"]].contains { $0?.contains("@") == true }
            || !ports.allSatisfy { UInt16($0) != nil }
    }

    var description: String {
        var text = "postgres://"
        if let user = self["user"] { text += Self.encoded(user) }
        if self["password"] != nil { text += ":[secret]" }
        if self["user"] != nil || self["password"] != nil { text += "@" }
        let host = self["host"] ?? self["hostaddr"] ?? ""
        // A socket's folder can only be a parameter.
        let isFolder = host.hasPrefix("/")
        if !isFolder { text += authority(host) }
        if let name = self["dbname"] { text += "/" + Self.encoded(name) }
        let parameters = [
            isFolder ? "host=\(host)" : nil, isFolder ? self["port"].map { "port=\($0)" } : nil,
            self["sslmode"].map { "sslmode=\($0)" },
        ].compactMap(\.self)
        return parameters.isEmpty ? text : text + "?" + parameters.joined(separator: "&")
    }

    /// Hosts and ports, which are lists of the same length or one port for all.
    private func authority(_ hosts: String) -> String {
        let ports = (self["port"] ?? "").split(separator: ",", omittingEmptySubsequences: false)
        return hosts.split(separator: ",", omittingEmptySubsequences: false).enumerated().map { index, host in
            let port = ports.count == 1 ? ports[0] : ports.indices.contains(index) ? ports[index] : ""
            return (host.contains(":") ? "[\(host)]" : String(host)) + (port.isEmpty ? "" : ":\(port)")
        }.joined(separator: ",")
    }

    private static func encoded(_ text: String) -> String {
        let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~".utf8)
        return text.utf8.map { byte in
            let digits = String(byte, radix: 16, uppercase: true)
            return plain.contains(byte)
                ? String(UnicodeScalar(byte)) : byte < 16 ? "%0" + digits : "%" + digits
        }.joined()
    }
}

extension PostgresAddress: CustomStringConvertible, CustomDebugStringConvertible {
    package var description: String { PostgresFields(text)?.description ?? "[no address]" }
    package var debugDescription: String { description }
}
