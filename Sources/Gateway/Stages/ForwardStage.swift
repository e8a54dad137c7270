internal import Access
internal import Filtering
internal import JSON
internal import Limits
internal import NIOCore
internal import Snapshots
internal import Storage

/// An upstream that has begun to answer.
struct Forwarded: Sendable {
    let screened: Screened
    let upstream: ChosenUpstream
    let exchange: UpstreamExchange
    let head: ResponseHead
}

/// Sends the screened tree to one of the model's upstreams. Another is tried only while no byte has been answered and
/// the request certainly did no work.
///
/// `@unchecked Sendable`: the screener is working memory of one event loop, on which the stage is called.
struct ForwardStage: @unchecked Sendable {
    let pools: UpstreamPools
    let headers: FieldNames
    let screener: Screener
    let observesOnly: Bool
    let failures: UpstreamFailureReport

    func send(_ request: Screened, trace: Trace, at now: Moment) async throws(PathExit) -> Forwarded {
        let admitted = request.admitted
        var pools = pools.serving(admitted.model, admitted.request.dialect)
        if pools.count > 1 { admitted.model.retries.withLock { $0.deposit(at: now) } }
        let hedging = pools.count > 1 ? request.hedging : nil
        var upstream: ChosenUpstream
        do throws(UpstreamFailure) { upstream = try choose(pools, at: now) } catch {
            throw .upstream(error)
        }
        while true {
            trace.upstream = upstream.pool.settings.name
            do throws(UpstreamFailure) {
                guard let hedging else { return try await send(request, to: upstream, trace: trace) }
                return try await race(request, to: upstream, or: &pools, hedging, trace: trace)
            } catch {
                pools.removeAll { $0 === upstream.pool }
                guard error.isSafeElsewhere, let other = another(of: pools, paidFrom: admitted.model.retries) else {
                    throw .upstream(error)
                }
                failures.note(error, of: upstream.pool.settings.name, in: trace)
                failures.metrics.retried(after: upstream.pool.settings.name)
                upstream = other
            }
        }
    }

    /// One more that lets the request through, paid from a budget; `nil` if there is none, or nothing to pay with.
    func another(of pools: [UpstreamPool], paidFrom budget: Lock<RetryBudget>) -> ChosenUpstream? {
        guard !pools.isEmpty, let upstream = try? choose(pools, at: .now) else { return nil }
        guard budget.withLock({ $0.withdraw(at: .now) }) else {
            upstream.release()
            return nil
        }
        return upstream
    }

    /// One that is worth asking, and lets a request through.
    private func choose(_ pools: [UpstreamPool], at now: Moment) throws(UpstreamFailure) -> ChosenUpstream {
        if pools.count == 1, let permit = pools[0].state.permit(at: now) {
            return ChosenUpstream(pool: pools[0], permit: permit)
        }
        var candidates = pools.enumerated().map { index, pool in
            UpstreamChoice.Candidate(
                index: index, priority: pool.settings.priority, weight: pool.settings.weight,
                outstanding: pool.state.outstanding, worth: pool.state.worth(at: now), hasRoom: pool.hasRoom)
        }
        var generator = SystemRandomNumberGenerator()
        while let index = UpstreamChoice.pick(candidates, &generator) {
            if let permit = pools[index].state.permit(at: now) {
                return ChosenUpstream(pool: pools[index], permit: permit)
            }
            candidates.removeAll { $0.index == index }
        }
        throw Self.absence(of: pools.map { $0.state.worth(at: now) })
    }

    /// Why none may be asked: because of the one that comes back first.
    private static func absence(of worths: [UpstreamState.Worth]) -> UpstreamFailure {
        let waits = worths.compactMap { worth -> (nanoseconds: Int64, isUnhealthy: Bool)? in
            switch worth {
            case .broken(let nanoseconds): (nanoseconds, false)
            case .unhealthy(let nanoseconds): (nanoseconds, true)
            case .good, .cooling: nil
            }
        }
        guard let wait = waits.min(by: { $0.nanoseconds < $1.nanoseconds }) else { return .none }
        let seconds = Int(wait.nanoseconds / 1_000_000_000) + 1
        return wait.isUnhealthy ? .unhealthy(retryAfterSeconds: seconds) : .broken(retryAfterSeconds: seconds)
    }

    /// Sends to one, and tells its state how that went.
    ///
    /// - Parameter lane: where others are sent the same.
    func send(
        _ request: Screened, to upstream: ChosenUpstream, lane: HedgeLane? = nil, trace: Trace
    ) async throws(UpstreamFailure) -> Forwarded {
        do throws(UpstreamFailure) {
            let answer = try await exchange(request, with: upstream, lane, trace: trace)
            upstream.answerBegan()
            return answer
        } catch {
            upstream.failed(error)
            throw error
        }
    }

    private func exchange(
        _ request: Screened, with upstream: ChosenUpstream, _ lane: HedgeLane?, trace: Trace
    ) async throws(UpstreamFailure) -> Forwarded {
        let pool = upstream.pool
        let caller = request.admitted.request.caller
        guard caller.exchange.isAwaited() else { throw .cancelled }
        let bytes = UpstreamRequest(request, to: pool, headers: headers, id: trace.id).encoded()
        var exchange = try await pool.send(bytes, for: caller)
        guard caller.exchange.isAwaited() else {
            exchange.cancel()
            throw .cancelled
        }
        var head: ResponseHead
        if trace.sentAt == nil || lane?.isHedge != true { trace.sentAt = .now }
        do throws(UpstreamFailure) {
            head = try await receiveHead(of: exchange, request, lane)
        } catch {
            // A server may close an idle connection at the moment when it is taken; nothing was answered on it.
            guard case .closedEarly = error, exchange.isOnReusedConnection, !exchange.hasAnswerBegun else {
                throw error
            }
            exchange = try await pool.send(bytes, for: caller, onFreshConnection: true)
            head = try await receiveHead(of: exchange, request, lane)
        }
        if let pause = RateLimitFields.pause(in: head.fields, at: .now) {
            pool.state.cool(nanoseconds: pause, at: .now)
        }
        try await check(head, exchange, request)
        return Forwarded(screened: request, upstream: upstream, exchange: exchange, head: head)
    }

    private func receiveHead(
        of exchange: UpstreamExchange, _ request: Screened, _ lane: HedgeLane?
    ) async throws(UpstreamFailure) -> ResponseHead {
        lane?.exchange = exchange
        request.admitted.request.caller.exchange.upstream = exchange
        return try await exchange.receiveHead()
    }

    /// Takes only answers that can be read: plain JSON or events, with status 200.
    private func check(
        _ head: ResponseHead, _ exchange: UpstreamExchange, _ request: Screened
    ) async throws(UpstreamFailure) {
        let isReadable = head.fields.first("content-encoding").map { head.fields.value(of: $0).isToken("identity") }
        switch head.status {
        case 200 where isReadable ?? true: return
        case 200:
            exchange.cancel()
            throw .encoded
        case 400, 413, 422:
            guard isReadable ?? true else {
                exchange.abandon()
                throw .rejected(status: head.status, message: "", param: nil)
            }
            let error = UpstreamError(parsing: try await exchange.receiveBody(bytesMax: Self.errorBytesMax))
            let param = error.param.flatMap { screened($0, request) }
            throw .rejected(status: head.status, message: screened(error.message, request) ?? "", param: param)
        default:
            exchange.abandon()
            throw .status(head.status, retryAfterMilliseconds: head.retryAfterMilliseconds(at: .now))
        }
    }

    private static let errorBytesMax = 65_536

    /// A server's words are a completion too; those that must not reach the caller are left out as a whole.
    private func screened(_ message: String, _ request: Screened) -> String? {
        if observesOnly { return UpstreamError.cut(message) }
        let filter = request.policy.filter(for: request.admitted.request.caller.key)
        var message = message
        let screening = message.withUTF8 { screener.screen($0, side: .completion, policy: filter) }
        return screening.verdict == .redact || screening.verdict == .block ? nil : UpstreamError.cut(message)
    }
}

/// What an upstream says of a request that it refuses, in any of the shapes that servers use.
struct UpstreamError: Sendable {
    var message = ""
    var param: String?

    /// More is screened than leaves, so that nothing leaves that is the beginning of what must not.
    private static let screenedMax = 4_096
    private static let messageMax = 1_024

    /// As much of a message as leaves.
    static func cut(_ message: String) -> String { String(message.unicodeScalars.prefix(messageMax)) }

    init(parsing body: [UInt8]) {
        guard let document = try? JSONDocument(parsing: body) else { return }
        var node = document.root
        if let error = document.member("error", of: node) { node = error }
        let text = document.string(node) ?? document.member("message", of: node).flatMap(document.string)
        message = String((text ?? "").unicodeScalars.prefix(Self.screenedMax))
        // The name of a field, such as `max_tokens`.
        param = document.member("param", of: node).flatMap { param in
            ProtocolWord.isOne(param, in: document) ? document.string(param) : nil
        }
    }
}
