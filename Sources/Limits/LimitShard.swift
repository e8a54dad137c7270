#if TSAN
internal import Snapshots
#else
internal import Synchronization
#endif

/// A table and its lock.
///
/// As `Lock`, but of one concrete type: the compiler doesn't specialise `Lock` across modules, which costs a tenth of a
/// decision in look-ups of generic metadata.
final class LimitShard: Sendable {
    #if TSAN
    private let table: Lock<LimitTable>

    init(_ table: LimitTable) {
        self.table = Lock(table)
    }
    #else
    private let table: Mutex<LimitTable>

    init(_ table: LimitTable) {
        self.table = Mutex(table)
    }
    #endif

    @inline(__always)
    func withTable<Result: Sendable>(_ body: (inout LimitTable) -> Result) -> Result {
        table.withLock { body(&$0) }
    }

    func settle(_ subjects: LimitSubjects, reserved: UInt64, actual: UInt64, at now: Moment?) {
        withTable { $0.settle(subjects, reserved: reserved, actual: actual, at: now) }
    }
}
