internal import Limits

/// Whether an upstream is worth asking: a pure state machine, outcomes in, permits out.
///
/// ```
///   closed ──too many failures──► open ──pause over──► half open ──success──► closed
///                                   ▲                      │
///                                   └──failure, pause × 2──┘
/// ```
/// It opens when, within a window, both the number and the share of failures reach their bounds: a number alone would
/// punish busy upstreams, a share alone quiet ones. Half open it lets one request through at a time.
struct CircuitBreaker {
    enum Outcome {
        case success
        case failure
        /// A success that turned into a failure: the answer had begun, and broke off.
        case brokeOff
        /// Says nothing about the upstream: the caller's mistake, or nobody waited for it.
        case neither
    }

    enum State: Equatable {
        case closed
        case open(until: Moment)
        case halfOpen(isProbing: Bool)
    }

    /// What one request was let through by. Its outcome counts only while the state is still the one that let it through:
    /// what was under way when the breaker opened decides no later trial.
    struct Permit: Equatable, Sendable {
        fileprivate let generation: Int
    }

    private struct Slice {
        var number: Int64 = -1
        /// Below nought where an answer broke off that had begun in an earlier slice.
        var successes = 0
        var failures = 0
    }

    private static let slices = 6

    private var settings: BreakerSettings
    private(set) var state = State.closed
    /// Counts the states gone through.
    private var generation = 0
    private var pause: Int64
    private var window = InlineArray<6, Slice>(repeating: Slice())

    init(_ settings: BreakerSettings) {
        self.settings = settings
        pause = settings.pauseNanoseconds
    }

    /// Keeps to other settings from now on. A pause that has begun ends as it was to, unless nothing is to be left alone.
    ///
    /// - Returns: whether that changed the state.
    mutating func follow(_ settings: BreakerSettings) -> Bool {
        guard settings != self.settings else { return false }
        // Slices of another length can't be counted together.
        if settings.windowNanoseconds != self.settings.windowNanoseconds { window = InlineArray(repeating: Slice()) }
        self.settings = settings
        if state != .closed, settings.failuresMin > 0 { return false }
        pause = settings.pauseNanoseconds
        guard state != .closed else { return false }
        enter(.closed)
        return true
    }

    /// Whether a request would be let through.
    func isOpen(at now: Moment) -> Bool {
        switch state {
        case .closed: false
        case .open(let until): now < until
        case .halfOpen(let isProbing): isProbing
        }
    }

    /// Lets a request through, or not (`nil`). Every request that was let through must be told by `note`.
    mutating func permit(at now: Moment) -> Permit? {
        guard !isOpen(at: now) else { return nil }
        if state != .closed { enter(.halfOpen(isProbing: true)) }
        return Permit(generation: generation)
    }

    /// Takes the outcome of a request that was let through; `brokeOff` may follow its `success`.
    mutating func note(_ outcome: Outcome, of permit: Permit, at now: Moment) {
        guard permit.generation == generation else { return }
        switch (state, outcome) {
        case (.closed, .success):
            slice(at: now) { $0.successes += 1 }
        case (.closed, .failure), (.closed, .brokeOff):
            slice(at: now) {
                $0.failures += 1
                if outcome == .brokeOff { $0.successes -= 1 }
            }
            if settings.failuresMin > 0, isTooMuch(at: now) { open(at: now) }
        case (.halfOpen, .success):
            enter(.closed)
            pause = settings.pauseNanoseconds
            window = InlineArray(repeating: Slice())
        case (.halfOpen, .failure), (.halfOpen, .brokeOff):
            pause = min(pause * 2, settings.pauseMaxNanoseconds)
            open(at: now)
        case (.halfOpen, .neither): enter(.halfOpen(isProbing: false))
        case (.open, _), (.closed, .neither): break
        }
    }

    private mutating func open(at now: Moment) {
        enter(.open(until: Moment(nanoseconds: now.nanoseconds + pause)))
    }

    private mutating func enter(_ next: State) {
        state = next
        generation += 1
    }

    private func number(at now: Moment) -> Int64 {
        now.nanoseconds / max(1, settings.windowNanoseconds / Int64(Self.slices))
    }

    private mutating func slice(at now: Moment, _ body: (inout Slice) -> Void) {
        let number = number(at: now)
        let index = Int(number % Int64(Self.slices))
        if window[index].number != number { window[index] = Slice(number: number) }
        body(&window[index])
    }

    /// Of the window that ends now.
    func counts(at now: Moment) -> (successes: Int, failures: Int) {
        let oldest = number(at: now) - Int64(Self.slices)
        var (successes, failures) = (0, 0)
        for index in window.indices where window[index].number > oldest {
            successes += window[index].successes
            failures += window[index].failures
        }
        return (max(0, successes), failures)
    }

    private func isTooMuch(at now: Moment) -> Bool {
        let (successes, failures) = counts(at: now)
        return failures >= settings.failuresMin && failures * 100 >= (failures + successes) * settings.sharePercent
    }
}

/// When an upstream is left alone.
package struct BreakerSettings: Sendable, Equatable {
    /// So many failures within the window at least; 0 keeps every breaker closed.
    package var failuresMin = 10
    /// And so many of a hundred requests.
    package var sharePercent = 50
    package var windowNanoseconds: Int64 = 30_000_000_000
    /// How long it is left alone first; twice as long each time it fails again, up to the longest.
    package var pauseNanoseconds: Int64 = 5_000_000_000
    package var pauseMaxNanoseconds: Int64 = 60_000_000_000

    package init() {}
}
