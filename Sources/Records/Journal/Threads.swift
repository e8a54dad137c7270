internal import Snapshots

extension OwnedThread {
    /// - Throws: `failed` if the system has no thread left.
    static func forJournal(_ body: @escaping @Sendable () -> Void) throws(JournalError) -> OwnedThread {
        do throws(ThreadFailure) {
            return try OwnedThread(body)
        } catch {
            throw .failed(code: error.code)
        }
    }
}
