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
        guard let options = PQconninfoParse(text, nil) else {
            throw Complaint(message: "is no address that PostgreSQL's library can read")
        }
        PQconninfoFree(options)
        self.text = text
        self.password = password
    }

    /// The address without its password, also where that is a parameter.
    package static func masked(_ text: String) -> String {
        var text = text[...]
        if let scheme = text.firstRange(of: "://") {
            let authority = text[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" }
            if let at = authority.lastIndex(of: "@"), let colon = authority[..<at].firstIndex(of: ":") {
                text.replaceSubrange(colon..<at, with: ":[secret]")
            }
        }
        guard let question = text.firstIndex(of: "?") else { return String(text) }
        let parameters = text[text.index(after: question)...].split(separator: "&", omittingEmptySubsequences: false)
        return text[...question]
            + parameters.map {
                $0.hasPrefix("password=") || $0.hasPrefix("sslpassword=") ? $0.prefix { $0 != "=" } + "=[secret]" : $0
            }
            .joined(separator: "&")
    }
}

extension PostgresAddress: CustomStringConvertible, CustomDebugStringConvertible {
    package var description: String { Self.masked(text) }
    package var debugDescription: String { description }
}
