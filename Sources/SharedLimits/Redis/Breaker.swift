/// Whether Redis is asked. A pure state machine; times are in nanoseconds.
///
/// ```
///   closed ── 3 calls in a row late or failed, or the connection is lost ──► open ──┐ until
///     ▲                                                                      ▲     │ the pause is over
///     └──── connected, signed in, and answered a probe in time ── trying ────┘◄────┘
///                                                            (else a longer pause)
/// ```
/// So a slow Redis costs a few requests their deadline, and all others nothing.
struct Breaker: Sendable {
    enum State: Sendable, Equatable {
        case closed
        case open(until: Int64)
        case trying
    }

    /// Asks at once: nothing is known of Redis yet.
    private(set) var state = State.open(until: .min)
    private var failures = 0
    private var pauses = 0

    static let failuresMax = 3
    static let pauseMin: Int64 = 50_000_000
    static let pauseMax: Int64 = 5_000_000_000

    /// When it is time to try; `nil` while none is needed.
    var triesAt: Int64? {
        if case .open(let until) = state { until } else { nil }
    }

    mutating func tries() { state = .trying }

    /// The probe was answered in time.
    mutating func recovered() {
        state = .closed
        failures = 0
    }

    /// A call was answered in time: only that proves that Redis is well, so only then pauses are short again.
    mutating func succeeded() {
        failures = 0
        pauses = 0
    }

    /// A call was late, or answered with an error.
    ///
    /// - Returns: whether that opened it.
    mutating func failed(at now: Int64, jitter: Double) -> Bool {
        guard state == .closed else { return false }
        failures += 1
        guard failures >= Self.failuresMax else { return false }
        open(at: now, jitter: jitter)
        return true
    }

    /// The connection is gone, or the probe was not answered in time.
    ///
    /// - Parameter jitter: From 0 to 1, drawn at random, so that processes don't come back all at once.
    mutating func open(at now: Int64, jitter: Double) {
        let pause = min(Self.pauseMax, Self.pauseMin << Int64(min(pauses, 10)))
        pauses += 1
        failures = 0
        state = .open(until: now + Int64(Double(pause) * (0.5 + jitter)))
    }
}
