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
        /// Says nothing about the upstream: the caller's mistake, or nobody waited for it.
        case neither
    }

    enum State: Equatable {
        case closed
        case open(until: Moment)
        case halfOpen(isProbing: Bool)
    }

    private struct Slice {
        var number: Int64 = -1
        var successes = 0
        var failures = 0
    }

    private static let slices = 6

    private let settings: BreakerSettings
    private(set) var state = State.closed
    private var pause: Int64
    private var window = InlineArray<6, Slice>(repeating: Slice())

    init(_ settings: BreakerSettings) {
        self.settings = settings
        pause = settings.pauseNanoseconds
    }

    /// Whether a request would be let through.
    func isOpen(at now: Moment) -> Bool {
        switch state {
        case .closed: false
        case .open(let until): now < until
        case .halfOpen(let isProbing): isProbing
        }
    }

    /// Lets a request through, or not. Every request that was let through must be told by `note`.
    mutating func permit(at now: Moment) -> Bool {
        guard !isOpen(at: now) else { return false }
        if state != .closed { state = .halfOpen(isProbing: true) }
        return true
    }

    /// - Returns: whether that changed the state.
    @discardableResult
    mutating func note(_ outcome: Outcome, at now: Moment) -> Bool {
        switch (state, outcome) {
        case (.closed, .success):
            slice(at: now) { $0.successes += 1 }
            return false
        case (.closed, .failure):
            slice(at: now) { $0.failures += 1 }
            guard settings.failuresMin > 0, isTooMuch(at: now) else { return false }
            open(at: now)
        case (.halfOpen, .success):
            state = .closed
            pause = settings.pauseNanoseconds
            window = InlineArray(repeating: Slice())
        case (.halfOpen, .failure):
            pause = min(pause * 2, settings.pauseMaxNanoseconds)
            open(at: now)
        case (.halfOpen, .neither): state = .halfOpen(isProbing: false)
        // Of requests that were under way when it opened.
        case (.open, _), (.closed, .neither): return false
        }
        return true
    }

    private mutating func open(at now: Moment) {
        state = .open(until: Moment(nanoseconds: now.nanoseconds + pause))
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
        return (successes, failures)
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
