/// Calls on their way to the link's thread. A pure state machine, which its owner keeps behind a lock.
///
/// ```
///   open ──close──► closed: takes nothing more, and what it held has been handed out
/// ```
struct CallInbox: Sendable {
    private var jobs: [RedisLink.Job] = []
    /// Calls that the thread has taken and that were under way when it looked last; never fewer than there are.
    private var underWay = 0
    private var isWoken = false
    private var isClosed = false
    /// Whether the thread should end once nothing is under way.
    private(set) var isStopping = false

    /// Calls that wait here or are under way; more are not taken.
    static let jobsMax = 4_096

    enum Submission: Sendable, Equatable { case taken, takenFirst, refused }

    /// - Returns: `takenFirst` when the thread has to be woken.
    mutating func submit(_ job: RedisLink.Job) -> Submission {
        guard !isClosed, jobs.count + underWay < Self.jobsMax else { return .refused }
        jobs.append(job)
        defer { isWoken = true }
        return isWoken ? .taken : .takenFirst
    }

    var isEmpty: Bool { jobs.isEmpty }

    mutating func stop() { isStopping = true }

    /// Hands out what came since the last time.
    ///
    /// - Parameter underWay: how many calls taken before have no end yet.
    mutating func take(underWay: Int) -> [RedisLink.Job] {
        self.underWay = underWay + jobs.count
        isWoken = false
        defer { jobs.removeAll(keepingCapacity: true) }
        return jobs
    }

    /// Takes nothing from now on. Hands out what came after the thread looked last: nobody else would end it.
    mutating func close() -> [RedisLink.Job] {
        isClosed = true
        return take(underWay: 0)
    }
}
