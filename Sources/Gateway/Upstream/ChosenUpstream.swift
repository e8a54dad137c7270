internal import Limits

/// An upstream that let a request through, and waits to be told how it went.
struct ChosenUpstream: Sendable {
    let pool: UpstreamPool
    let permit: CircuitBreaker.Permit

    /// An answer has begun.
    func answerBegan() { pool.state.note(.success, of: permit, at: .now) }

    /// No request goes to it after all.
    func release() { pool.state.note(.neither, of: permit, at: .now) }

    /// There is no answer.
    func failed(_ failure: UpstreamFailure) {
        pool.state.note(failure.outcome, failure, of: permit, at: .now)
        if let pause = failure.pauseNanoseconds { pool.state.cool(nanoseconds: pause, at: .now) }
    }

    /// An answer that had begun came to no good end.
    func brokeOff(_ failure: UpstreamFailure) {
        pool.state.note(failure.outcome == .failure ? .brokeOff : .neither, failure, of: permit, at: .now)
    }
}
