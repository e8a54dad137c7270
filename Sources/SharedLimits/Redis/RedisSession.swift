internal import Glibc
internal import Limits
internal import Logging
internal import Synchronization

/// What the link's thread knows: the connection, the calls under way, the breaker. Belongs to that thread.
final class RedisSession {
    private struct Pending {
        /// `nil` for a command of the sign-in, or a call whose caller no longer waits.
        var job: RedisLink.Job?
        var sentAt: Int64
    }

    private enum Phase { case connecting, signingIn, probing, ready }

    private let settings: RedisSettings
    private let process: String
    private let lifetime: Int64
    private let metrics: SharedLimitMetrics
    private let log: Logger
    private var connection: RedisConnection?
    private var phase = Phase.connecting
    private var connectingSince: Int64 = 0
    private var signInAnswersDue = 0
    /// Of the scripts, in the order of `scripts`.
    private var digests: [String] = []
    private static let scripts = [LeaseScript.text, BudgetScript.text]
    private var pending: [Pending] = []
    private var breaker = Breaker()
    private var dataSet = LeaseScript.DataSet()
    /// Told before whoever waited for a call that failed.
    private let state: LinkState
    /// Why it was said to be away, while it is.
    private var awayFor: String?
    private var isEnded = false

    init(
        _ settings: RedisSettings, process: String, lifetime: Int64, state: LinkState, metrics: SharedLimitMetrics,
        log: Logger
    ) {
        self.settings = settings
        self.process = process
        self.lifetime = lifetime
        self.state = state
        self.metrics = metrics
        self.log = log
    }

    /// A write to a connection that the other side ended must be an error, not the end of the process.
    static func blockBrokenPipes() {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
    }

    var isOpen: Bool { phase == .ready && breaker.state == .closed && connection != nil }
    /// Calls whose answer is still to come, late ones too.
    var underWay: Int { pending.count }
    var isIdle: Bool { pending.allSatisfy { $0.job == nil } }

    /// What to poll for.
    var interest: pollfd? {
        guard let connection else { return nil }
        let wantsWrite = !connection.isConnected || connection.hasOutput
        return pollfd(
            fd: connection.descriptor, events: Int16(POLLIN) | (wantsWrite ? Int16(POLLOUT) : 0), revents: 0)
    }

    /// When `step` has something to do.
    var dueAt: Int64 {
        if connection == nil { return breaker.triesAt ?? .max }
        if phase != .ready { return connectingSince + settings.connectTimeout }
        return pending.first.map { $0.sentAt + settings.timeout } ?? .max
    }

    // MARK: - Calls

    func send(_ job: RedisLink.Job) {
        guard isOpen, let connection else { return fail(job) }
        let (script, words) = script(of: job)
        attempt { () throws(RedisFailure) in
            try connection.append(["EVALSHA", digests[script]] + words)
            pending.append(Pending(job: job, sentAt: Moment.now.nanoseconds))
        }
        if self.connection == nil { fail(job) }
    }

    /// Which of the scripts a call is of, and its keys and arguments.
    private func script(of job: RedisLink.Job) -> (Int, [String]) {
        switch job.call {
        case .leases(let call, _):
            (
                0,
                LeaseScript.arguments(
                    call, namespace: settings.namespace, process: process, dataSet: dataSet, lifetime: lifetime)
            )
        case .budgets(let call, _):
            (1, BudgetScript.arguments(call, namespace: settings.namespace, process: process))
        }
    }

    /// Writes, and keeps deadlines.
    func step(at now: Int64) {
        if connection == nil, let time = breaker.triesAt, time <= now, !isEnded { connect(at: now) }
        if let connection, connection.isConnected { attempt { () throws(RedisFailure) in try connection.write() } }
        if connection != nil, phase != .ready, now > connectingSince + settings.connectTimeout {
            lose(RedisFailure("it did not answer in time"), at: now)
        }
        expire(at: now)
    }

    /// The answers of late calls are still waited for, so that the next ones are told apart; but not for long.
    private func expire(at now: Int64) {
        var late: [RedisLink.Job] = []
        var opens = false
        for index in pending.indices {
            guard now - pending[index].sentAt > settings.timeout else { break }
            guard let job = pending[index].job else { continue }
            pending[index].job = nil
            late.append(job)
            metrics.late.add()
            if breaker.failed(at: now, jitter: .random(in: 0...1)) { opens = true }
        }
        for job in late { fail(job) }
        if opens || pending.first.map({ now - $0.sentAt > 10 * settings.timeout }) ?? false {
            lose(RedisFailure("its answers are late"), at: now)
        }
    }

    private func fail(_ job: RedisLink.Job) {
        noteAway(since: job.since)
        job.fail()
    }

    private func noteAway(since: Int64) {
        if state.away.load(ordering: .relaxed) == 0 { state.away.store(since, ordering: .relaxed) }
    }

    func handle(_ events: Int16) {
        guard let connection else { return }
        attempt { () throws(RedisFailure) in
            if !connection.isConnected {
                try connection.write()
                if connection.isConnected, phase == .connecting { try signIn(connection) }
            }
            try connection.read()
            while self.connection != nil, let reply = try connection.nextReply() { take(reply) }
            if self.connection != nil { try connection.write() }
        }
    }

    private func attempt(_ body: () throws(RedisFailure) -> Void) {
        do throws(RedisFailure) {
            try body()
        } catch {
            lose(error, at: Moment.now.nanoseconds)
        }
    }

    private func take(_ reply: RedisReply) {
        guard phase == .ready else { return takeSignIn(reply) }
        guard !pending.isEmpty else {
            return lose(RedisFailure("it answered what nobody asked"), at: Moment.now.nanoseconds)
        }
        let first = pending.removeFirst()
        if case .error(let text) = reply { return take(error: text, first) }
        guard let job = first.job else { return }
        guard let end = end(of: job, by: reply) else {
            return lose(RedisFailure("it answered what is no answer of the script"), at: Moment.now.nanoseconds, job)
        }
        let now = Moment.now.nanoseconds
        metrics.roundTrip.observe(now - first.sentAt)
        metrics.answered.add()
        breaker.succeeded()
        state.away.store(0, ordering: .relaxed)
        end()
    }

    /// Tells the answer to who waits for it; `nil` if it is none of the script to that call.
    private func end(of job: RedisLink.Job, by reply: RedisReply) -> (() -> Void)? {
        switch job.call {
        case .leases(let call, let end):
            guard let (answer, dataSet) = LeaseScript.answer(reply, to: call) else { return nil }
            if self.dataSet.id != "", self.dataSet.id != dataSet.id {
                log.warning(
                    "Redis has lost what it knew of limits: all shared limits count as used up now, and refill.")
            }
            self.dataSet = dataSet
            return { end(answer) }
        case .budgets(let call, let end):
            return BudgetScript.answer(reply, to: call).map { answer in { end(answer) } }
        }
    }

    private func take(error text: String, _ pending: Pending) {
        // After SCRIPT FLUSH. Nothing was done, so the call is made again.
        if text.hasPrefix("NOSCRIPT"), let job = pending.job, let connection {
            let (script, words) = script(of: job)
            attempt { () throws(RedisFailure) in
                try connection.append(["EVAL", Self.scripts[script]] + words)
                self.pending.append(Pending(job: job, sentAt: pending.sentAt))
            }
            if self.connection == nil { fail(job) }
            return
        }
        metrics.failed.add()
        log.error("Redis refused a call.", metadata: ["error": "\(text.prefix(200))"])
        let now = Moment.now.nanoseconds
        // A replica, or a server that still loads: another connection may find a better one.
        let isElsewhere = ["READONLY", "LOADING", "MASTERDOWN"].contains { text.hasPrefix($0) }
        if let job = pending.job { fail(job) }
        if isElsewhere || breaker.failed(at: now, jitter: .random(in: 0...1)) {
            lose(RedisFailure("it refuses calls"), at: now)
        }
    }

    // MARK: - Connecting

    private func connect(at now: Int64) {
        breaker.tries()
        phase = .connecting
        connectingSince = now
        attempt { () throws(RedisFailure) in
            connection = try RedisConnection(host: settings.host, port: settings.port)
        }
        connectingSince = Moment.now.nanoseconds
    }

    private func signIn(_ connection: RedisConnection) throws(RedisFailure) {
        phase = .signingIn
        signInAnswersDue = Self.scripts.count
        digests = []
        if let password = settings.password {
            try connection.append(["AUTH"] + (settings.user.map { [$0] } ?? []) + [password.text])
            signInAnswersDue += 1
        }
        if settings.database != 0 {
            try connection.append(["SELECT", "\(settings.database)"])
            signInAnswersDue += 1
        }
        for script in Self.scripts { try connection.append(["SCRIPT", "LOAD", script]) }
    }

    private func takeSignIn(_ reply: RedisReply) {
        let now = Moment.now.nanoseconds
        if case .error(let text) = reply {
            // Its words never hold the password, but an address would be of no use to anybody either.
            let what = phase == .probing ? "it refuses calls" : "signing in failed"
            return lose(RedisFailure("\(what): \(text.prefix(200))"), at: now)
        }
        if phase == .probing {
            guard now - connectingSince <= settings.timeout else {
                return lose(RedisFailure("it answers, but too late"), at: now)
            }
            phase = .ready
            breaker.recovered()
            state.away.store(0, ordering: .relaxed)
            state.open.store(true, ordering: .releasing)
            metrics.breaker.set(0)
            awayFor = nil
            log.notice("Redis is there; limits are shared.")
            return
        }
        if signInAnswersDue <= Self.scripts.count, case .text(let text) = reply { digests.append(text) }
        signInAnswersDue -= 1
        guard signInAnswersDue == 0, let connection else { return }
        guard digests.count == Self.scripts.count else {
            return lose(RedisFailure("it has not told the scripts' digests"), at: now)
        }
        phase = .probing
        connectingSince = now
        // What calls do is tried: a server that is full or a replica answers, and yet takes none.
        attempt { () throws(RedisFailure) in
            try connection.append(["SET", "\(LeaseScript.tag(settings.namespace)):probe", "1", "PX", "1000"])
        }
    }

    private func lose(_ failure: RedisFailure, at now: Int64, _ job: RedisLink.Job? = nil) {
        let wasReady = phase == .ready && connection != nil
        connection = nil
        phase = .connecting
        if breaker.triesAt == nil { breaker.open(at: now, jitter: .random(in: 0...1)) }
        metrics.breaker.set(1)
        noteAway(since: now)
        state.open.store(false, ordering: .releasing)
        let lost = pending.compactMap(\.job) + (job.map { [$0] } ?? [])
        pending = []
        if wasReady { metrics.lost.add() }
        if wasReady || awayFor != "\(failure)" {
            awayFor = "\(failure)"
            log.warning("Redis is away.", metadata: ["reason": "\(failure)"])
        } else {
            log.debug("Redis is still away.", metadata: ["reason": "\(failure)"])
        }
        for job in lost { fail(job) }
    }

    func end() {
        isEnded = true
        state.open.store(false, ordering: .releasing)
        connection = nil
        let left = pending.compactMap(\.job)
        pending = []
        for job in left { job.fail() }
    }
}
