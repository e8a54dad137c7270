internal import CPostgreSQL

/// What the server or the connection said, and whether doing it again may help.
struct PostgresFailure: Error {
    enum Recovery {
        case none
        /// The transaction was undone for another's sake, or because of what the session remembered.
        case again
        /// Perhaps so; a second failure is no chance.
        case onceAgain
        /// The connection is gone.
        case reconnect
        /// The server did not answer in time, and would not on another connection either.
        case giveUp
    }

    let error: StorageError
    let recovery: Recovery
    /// Whether what the session has prepared is worth nothing any more.
    var isStale = false

    /// Whether nothing more is heard on the connection.
    var isOfConnection: Bool { recovery == .reconnect || recovery == .giveUp }
}

// MARK: - SQLSTATE

extension PostgresFailure {
    /// Source: https://www.postgresql.org/docs/15/errcodes-appendix.html
    ///
    /// - Parameters:
    ///   - state: SQLSTATE, five characters; empty if the connection broke.
    ///   - message: The primary message. Details are never read, since they quote stored values.
    init(state: String, message: String) {
        let said = "\(message) (SQLSTATE \(state))"
        switch state {
        case "40001", "40P01":
            self.init(error: .busy, recovery: .again)
        case "23505":
            // Two transactions that each looked first may fail like this in the place of 40001.
            self.init(error: .constraint(.unique, message), recovery: .onceAgain)
        case "23503": self.init(error: .constraint(.foreignKey, message), recovery: .none)
        case "23514": self.init(error: .constraint(.check, message), recovery: .none)
        case "23502": self.init(error: .constraint(.notNull, message), recovery: .none)
        case "0A000" where message.contains("cached plan"), "26000":
            // Another version changed a table, or somebody between us and the server swapped the session.
            self.init(error: .statement(said), recovery: .onceAgain, isStale: true)
        case "25006": self.init(error: .readOnly, recovery: .none)
        case "42501": self.init(error: .denied(message), recovery: .none)
        case "53100": self.init(error: .diskFull, recovery: .none)
        case "55P03": self.init(error: .busy, recovery: .none)
        case "57014": self.init(error: .timedOut, recovery: .none)
        case "57P01", "57P02", "57P03", "25P03", "57P05":
            self.init(error: .unavailable(message), recovery: .reconnect)
        default:
            self.init(state: state, class: state.prefix(2), message: message)
        }
    }

    private init(state: String, class group: Substring, message: String) {
        let said = "\(message) (SQLSTATE \(state))"
        switch group {
        case "", "08": self.init(error: .unavailable(message), recovery: .reconnect)
        // Its messages quote what was written.
        case "22": self.init(error: .statement("a value does not fit its column (SQLSTATE \(state))"), recovery: .none)
        case "23": self.init(error: .constraint(.other, message), recovery: .none)
        case "53": self.init(error: .unavailable(said), recovery: .none)
        case "58": self.init(error: .inputOutput(said), recovery: .none)
        case "XX": self.init(error: .corrupt(said), recovery: .none)
        default: self.init(error: .statement(said), recovery: .none)
        }
    }

    /// What libpq says of a connection, on one line. No password is in it.
    static func message(of connection: OpaquePointer?) -> String {
        let text = PQerrorMessage(connection).map { String(cString: $0) } ?? "no memory"
        return text.split { $0.isNewline || $0 == "\t" }.joined(separator: " ")
    }
}
