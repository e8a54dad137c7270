internal import NIOCore
internal import Records

/// Writes what the exchanges of one event loop append to the journal, once a turn of the loop: with one write for all that
/// were ready in it, and no thread to wait for.
///
/// `@unchecked Sendable`: touched on its loop only.
final class JournalTurn: @unchecked Sendable {
    private let journal: Journal
    private let loop: any EventLoop
    private var isDue = false
    private var waiters: [UnsafeContinuation<Void, Never>] = []

    init(_ journal: Journal, on loop: any EventLoop) {
        self.journal = journal
        self.loop = loop
    }

    /// Something was appended: it is written when all that are ready now have had their turn.
    func begin() {
        guard journal.isWrittenInTurns, !isDue else { return }
        isDue = true
        loop.execute { self.end() }
    }

    /// Returns once an entry is on record.
    ///
    /// - Throws: if the disk refused it.
    func written(_ position: JournalPosition) async throws(JournalError) {
        if let result = journal.result(of: position) { return try result.get() }
        if journal.isWrittenInTurns {
            await withUnsafeContinuation { waiter in
                waiters.append(waiter)
                begin()
            }
        }
        // What was not written in the turn, another loop or the journal's thread is writing.
        try await journal.written(position)
    }

    private func end() {
        journal.writeNow()
        isDue = false
        let due = waiters
        waiters.removeAll(keepingCapacity: true)
        for waiter in due { waiter.resume() }
    }
}
