internal import Access
internal import Filtering
internal import JSON
internal import NIOCore

/// An upstream that has begun to answer.
struct Forwarded: Sendable {
    let screened: Screened
    let pool: UpstreamPool
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

    func send(_ request: Screened, trace: Trace) async throws(PathExit) -> Forwarded {
        let admitted = request.limited.admitted
        let order = Self.order(admitted.model.settings.upstreams, for: admitted.request.dialect)
        for (index, upstream) in order.enumerated() {
            do throws(UpstreamFailure) {
                trace.upstream = upstream.name
                return try await send(request, to: upstream, trace: trace)
            } catch {
                guard error.isBeforeRequest, index + 1 < order.count else { throw .upstream(error) }
                failures.note(error, of: upstream.name, in: trace)
            }
        }
        throw .upstream(.none)
    }

    private func send(
        _ request: Screened, to upstream: UpstreamSettings, trace: Trace
    ) async throws(UpstreamFailure) -> Forwarded {
        guard let pool = pools[upstream] else { throw .none }
        let client = request.limited.admitted.request.caller.exchange
        guard client.isAwaited() else { throw .cancelled }
        let bytes = UpstreamRequest(request, to: pool, headers: headers, id: trace.id).encoded()
        var exchange = try await pool.send(bytes)
        guard client.isAwaited() else {
            exchange.cancel()
            throw .cancelled
        }
        var head: ResponseHead
        trace.sentAt = .now
        do throws(UpstreamFailure) {
            head = try await receiveHead(of: exchange, request)
        } catch {
            // A server may close an idle connection at the moment when it is taken; nothing was answered on it.
            guard case .closedEarly = error, exchange.isOnReusedConnection, !exchange.hasAnswerBegun else {
                throw error
            }
            exchange = try await pool.send(bytes, onFreshConnection: true)
            head = try await receiveHead(of: exchange, request)
        }
        try await check(head, exchange, request)
        return Forwarded(screened: request, pool: pool, exchange: exchange, head: head)
    }

    private func receiveHead(
        of exchange: UpstreamExchange, _ request: Screened
    ) async throws(UpstreamFailure) -> ResponseHead {
        request.limited.admitted.request.caller.exchange.upstream = exchange
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
            throw .status(head.status, retryAfterSeconds: head.retryAfterSeconds)
        }
    }

    private static let errorBytesMax = 65_536

    /// A server's words are a completion too; those that must not reach the caller are left out as a whole.
    private func screened(_ message: String, _ request: Screened) -> String? {
        if observesOnly { return message }
        let filter = request.policy.filter(for: request.limited.admitted.request.caller.key.stage)
        var message = message
        let screening = message.withUTF8 { screener.screen($0, side: .completion, policy: filter) }
        return screening.verdict == .redact || screening.verdict == .block ? nil : message
    }

    /// Upstreams that speak the dialect: by priority, within a priority drawn by weight.
    static func order(_ upstreams: [UpstreamSettings], for dialect: Dialect) -> [UpstreamSettings] {
        if upstreams.count == 1 { return upstreams }
        var rest = upstreams.filter { $0.dialects.contains(dialect) }
        var order: [UpstreamSettings] = []
        while let priority = rest.map(\.priority).min() {
            var draw = Int.random(in: 0..<max(1, rest.reduce(0) { $0 + ($1.priority == priority ? $1.weight : 0) }))
            let index = rest.firstIndex { upstream in
                guard upstream.priority == priority else { return false }
                draw -= upstream.weight
                return draw < 0
            }
            order.append(rest.remove(at: index ?? rest.firstIndex { $0.priority == priority } ?? rest.startIndex))
        }
        return order
    }
}

/// What an upstream says of a request that it refuses, in any of the shapes that servers use.
struct UpstreamError: Sendable {
    var message = ""
    var param: String?

    init(parsing body: [UInt8]) {
        guard let document = try? JSONDocument(parsing: body) else { return }
        var node = document.root
        if let error = document.member("error", of: node) { node = error }
        let text = document.string(node) ?? document.member("message", of: node).flatMap(document.string)
        message = String((text ?? "").prefix(1_024))
        // The name of a field, such as `max_tokens`.
        param = document.member("param", of: node).flatMap { param in
            ProtocolWord.isOne(param, in: document) ? document.string(param) : nil
        }
    }
}
