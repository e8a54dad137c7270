/// What can go wrong with the store. No case carries a stored value.
package enum StorageError: Error, Sendable, Hashable {
    /// Which promise of the schema a change would have broken.
    package enum Constraint: String, Sendable, Hashable {
        case unique, foreignKey, check, notNull, other
    }

    /// Another process held the store, or what was to be changed, for too long.
    case busy
    /// Another process has been changing the schema for too long; nothing of the transaction is there.
    case schemaBusy
    /// The server of the store is away or refuses connections. Nothing of the transaction is there.
    case unavailable(String)
    /// The connection broke while the transaction was being committed; whether it is there shows only a look.
    case commitUnknown(String)
    /// A statement took longer than it may; nothing of the transaction is there.
    case timedOut
    /// The server does not let our user do this.
    case denied(String)
    /// No space is left; nothing of the transaction is there.
    case diskFull
    /// The disk failed; whether the transaction is there shows only after a restart.
    case inputOutput(String)
    case corrupt(String)
    case cannotOpen(path: String, reason: String)
    case readOnly
    case constraint(Constraint, String)
    /// The engine did not accept a statement: a mistake in Steward.
    case statement(String)
    /// `$1` … `$n` of the text and the number of arguments differ: a mistake in Steward.
    case parameters(expected: Int, given: Int)
    case missingColumn(String)
    case unreadableValue(column: String, expected: String, found: String)
    /// Too many writes wait already.
    case overloaded(waiting: Int)
    case closed
    /// The store has migrations that this version does not know.
    case newerStore(migrations: [String])
    /// The text of a migration differs from the one that was applied.
    case changedMigration(String)
}

extension StorageError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .busy:
            "The store is held by another process. Try again, or end that process."
        case .schemaBusy:
            """
            Another process is changing the store's schema. Try again when it is done. If it hangs, end its session: \
            SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted.
            """
        case .unavailable(let reason):
            "The store's server can't be used: \(reason). Check that it runs, and the address and user of database.url."
        case .commitUnknown(let reason):
            "The connection to the store broke while a change was committed: \(reason). Look whether it is there."
        case .timedOut:
            "A statement of the store took too long and was undone. Try again when the server has less to do."
        case .denied(let reason):
            "The store's server does not allow this: \(reason). Let Steward's user own its database or schema."
        case .diskFull:
            "No space is left for the store. Free some space; nothing needs to be restarted."
        case .inputOutput(let reason):
            "The disk of the store failed: \(reason). See the system's log."
        case .corrupt(let reason):
            "The store is damaged: \(reason). Restore it from a backup."
        case .cannotOpen(let path, let reason):
            "The store \(path) can't be opened: \(reason). Check that the path exists and is ours to read and write."
        case .readOnly:
            "The store can't be written. Check the permissions of its file and folder."
        case .constraint(let constraint, let reason):
            "The change breaks a \(constraint.rawValue) constraint: \(reason)."
        case .statement(let reason):
            "The store did not accept a statement: \(reason). This is a mistake in Steward; please report it."
        case .parameters(let expected, let given):
            """
            A statement has \(expected) parameters, but \(given) arguments. This is a mistake in Steward; please \
            report it.
            """
        case .missingColumn(let column):
            "A result has no column \(column). This is a mistake in Steward; please report it."
        case .unreadableValue(let column, let expected, let found):
            "Column \(column) holds \(found) where \(expected) was expected."
        case .overloaded(let waiting):
            "\(waiting) writes wait for the store already. Try again later."
        case .closed:
            "The store is closed."
        case .newerStore(let migrations):
            """
            The store was written by a newer version of Steward: it has the migrations \
            \(migrations.joined(separator: ", ")), which this version does not know. Run the newer version, or use \
            another data directory.
            """
        case .changedMigration(let name):
            """
            The migration \(name) differs from the one that was applied to this store. Run the version that applied \
            it, or a later one.
            """
        }
    }
}
