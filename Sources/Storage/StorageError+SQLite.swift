internal import GRDB
internal import GRDBSQLite

extension StorageError {
    /// What GRDB threw, in our words; anything else is a failed statement.
    init(sqlite error: any Error) {
        switch error {
        case let error as StorageError:
            self = error
        case let error as GRDB.DatabaseError:
            self.init(sqliteCode: error.extendedResultCode.rawValue, message: error.message ?? "no message")
        default:
            self = .statement("\(type(of: error))")
        }
    }

    /// Source: https://www.sqlite.org/rescode.html
    init(sqliteCode code: CInt, message: String) {
        switch code & 0xFF {
        case SQLITE_BUSY, SQLITE_LOCKED:
            self = .busy
        case SQLITE_FULL:
            self = .diskFull
        case SQLITE_IOERR:
            self = .inputOutput("\(message) (SQLite code \(code))")
        case SQLITE_CORRUPT, SQLITE_NOTADB:
            self = .corrupt(message)
        case SQLITE_READONLY:
            self = .readOnly
        case SQLITE_CANTOPEN, SQLITE_PERM:
            self = .cannotOpen(path: "", reason: message)
        case SQLITE_MISUSE where message.contains("closed"):
            self = .closed
        case SQLITE_CONSTRAINT:
            self = .constraint(Constraint(sqliteCode: code), message)
        default:
            self = .statement("\(message) (SQLite code \(code))")
        }
    }
}

extension StorageError.Constraint {
    fileprivate init(sqliteCode code: CInt) {
        // Extended codes are macros with arithmetic, which Swift does not import: 19 | n << 8.
        switch code >> 8 {
        case 1: self = .check
        case 3: self = .foreignKey
        case 5: self = .notNull
        case 6, 8: self = .unique
        default: self = .other
        }
    }
}
