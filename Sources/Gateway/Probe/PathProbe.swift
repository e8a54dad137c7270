package import Access
internal import Glibc
internal import Limits
package import NIOCore
package import Snapshots
internal import Storage

/// Takes requests down the stages of a path one at a time, with no socket at either end, and tells what each stage takes.
/// Only `./scripts/bench path` makes one.
///
/// The stages are those that serve, in `RequestPath.serve`'s order, on an event loop of their own. Exchanges go in batches,
/// because those that end together are written to the journal together.
///
/// `@unchecked Sendable`: everything mutable is touched on `loop` only.
package final class PathProbe: @unchecked Sendable {
    /// Where a request is between two readings of the clock.
    package enum Step: Int, CaseIterable, Sendable {
        case head, authenticate, parse, admit, limit, budget, screen, record, forward, receive, judge, settle, answer
    }

    /// What one request took.
    package struct Sample: Sendable {
        /// By step.
        package internal(set) var nanoseconds = [Int64](repeating: 0, count: Step.allCases.count)
        /// Calls that asked for memory, by step.
        package internal(set) var allocations = [Int](repeating: 0, count: Step.allCases.count)
    }

    /// The upstream's end of a connection that is none.
    package struct Upstream {
        let channel: any Channel
        let answer: () -> Void

        /// - Parameters:
        ///   - channel: made on `loop`'s thread, and connected.
        ///   - answer: forgets what was written to the channel, and lets it read an answer.
        package init(channel: any Channel, answer: @escaping () -> Void) {
            self.channel = channel
            self.answer = answer
        }
    }

    /// What is left of an exchange when its answer has been judged.
    private struct Judgement {
        let trace: Trace
        let answer: Forwarded
        let judged: Judged
    }

    private let gateway: GatewayLoop
    private let connection: ConnectionHandler
    private let ids = RecordIDSource()
    private let allocations: @Sendable () -> Int
    private let upstream: Upstream
    private var lap = (at: Int64(0), allocations: 0)
    /// Of the request that is being sent, up to when it has been.
    private var sent = Sample()
    /// Whether the processor's time is read, which costs half a microsecond: texts so long that others have turns meanwhile
    /// would else be charged with those.
    private var readsProcessorTime = false

    private var path: RequestPath { gateway.path }

    /// - Parameters:
    ///   - allocations: how often this thread has asked for memory.
    ///   - upstream: makes the connection that the first upstream of the first model is asked on.
    /// - Throws: what making the plan throws.
    package static func make(
        on loop: any EventLoop, _ settings: GatewaySettings, _ policy: Policy, _ keys: Snapshot<KeySnapshot>,
        _ parts: GatewayParts, allocations: @escaping @Sendable () -> Int,
        upstream: @escaping @Sendable () throws -> Upstream
    ) async throws -> PathProbe {
        let plan = try GatewayPlan(settings, policy, keys, parts.metrics)
        parts.bytesInFlight.resize(to: settings.http.bytesInFlightMax)
        let gateway = GatewayLoop(executor: LoopExecutor(loop), parts: parts, plan: plan)
        return try await loop.submit {
            try PathProbe(gateway, plan, parts, allocations: allocations, upstream: try upstream())
        }.get()
    }

    private init(
        _ gateway: GatewayLoop, _ plan: GatewayPlan, _ parts: GatewayParts,
        allocations: @escaping @Sendable () -> Int, upstream: Upstream
    ) throws {
        self.gateway = gateway
        self.allocations = allocations
        self.upstream = upstream
        connection = ConnectionHandler(loop: gateway, isAboveBound: false, count: parts.metrics.connections)
        let pool = gateway.path.forward.pools.serving(plan.models.all[0], .chatCompletions)[0]
        let idle = UpstreamConnection(pool: pool)
        try upstream.channel.pipeline.syncOperations.addHandler(idle)
        pool.giveBack(idle)
    }

    /// Takes `count` requests down the path together.
    ///
    /// - Parameter request: head and body of one that is answered.
    /// - Throws: `PathExit` where a stage refuses it.
    package func run(_ request: ByteBuffer, count: Int) async throws -> [Sample] {
        let task = Task(executorPreference: gateway.executor) { try await self.batch(request, count: count) }
        return try await task.value
    }

    /// Takes the events of one stream through its screen, each as it would come from a connection.
    ///
    /// - Parameter events: each with its end.
    /// - Returns: what each took, the writing of its chunk included.
    /// - Throws: `UpstreamFailure` where one can't be read.
    package func runStream(_ events: [ByteBuffer]) async throws -> [(nanoseconds: Int64, allocations: Int)] {
        try await gateway.loop.submit { [self] in try stream(events) }.get()
    }

    // MARK: - Steps

    private func stream(_ events: [ByteBuffer]) throws -> [(nanoseconds: Int64, allocations: Int)] {
        let stage = path.stream
        var stream = Dialect.chatCompletions.stream(
            StreamTerms(
                dialect: .chatCompletions, filter: path.screen.policy.filter(for: .sandbox), screener: stage.screener,
                eventBytesMax: stage.eventBytesMax, textsMax: stage.textsMax))
        var output: [UInt8] = []
        return try events.map { event in
            let before = (at: Moment.now, allocations: allocations())
            try stream.feed(event, to: &output)
            var buffer = ByteBufferAllocator().buffer(capacity: output.count + 16)
            AnswerEncoder.writeChunk(output, to: &buffer)
            output.removeAll(keepingCapacity: true)
            return (Moment.now - before.at, allocations() - before.allocations)
        }
    }

    private func batch(_ request: ByteBuffer, count: Int) async throws(PathExit) -> [Sample] {
        readsProcessorTime = request.readableBytes > 32_768
        var samples = [Sample](repeating: Sample(), count: count)
        var judgements: [Judgement] = []
        judgements.reserveCapacity(count)
        for index in 0..<count {
            judgements.append(try await decide(request, &samples[index]))
        }
        let settled = try await settle(judgements)
        for index in 0..<count {
            samples[index].nanoseconds[Step.settle.rawValue] = settled.nanoseconds / Int64(count)
            samples[index].allocations[Step.settle.rawValue] = settled.allocations / count
            answer(judgements[index], &samples[index])
        }
        return samples
    }

    /// Everything up to the judgement of the answer.
    private func decide(_ request: ByteBuffer, _ sample: inout Sample) async throws(PathExit) -> Judgement {
        begin()
        let (exchange, body) = try receive(request)
        let now = Timestamp.now
        let trace = Trace(exchange, id: ids.next(at: now), at: now)
        end(.head, &sample)
        let route = try Route(path: exchange.head.path)
        trace.dialect = route.recordDialect
        trace.api = route.api(exchange.head)
        let caller = try path.authenticate.admit(exchange, at: trace.at)
        trace.key = caller.key
        end(.authenticate, &sample)
        // The body comes when it is asked for, as from a connection.
        gateway.loop.execute { [self] in
            gateway.executor.collect()
            exchange.receive(body)
            exchange.endBody(.success(()))
            gateway.executor.runCollected()
        }
        let parsed = try await path.parse.parse(caller, as: .chatCompletions)
        let parsedAt = Moment.now
        trace.parsed(parsed, at: parsedAt)
        end(.parse, &sample)
        let admitted = try path.admit.admit(parsed)
        trace.admitted(admitted)
        end(.admit, &sample)
        let limited = try path.limit.reserve(admitted, trace: trace, at: parsedAt)
        end(.limit, &sample)
        let budgeted = try await path.budget.reserve(limited, trace: trace)
        end(.budget, &sample)
        let screened = try await path.screen.screen(budgeted, trace: trace)
        let decidedAt = Moment.now
        trace.decidedAt = decidedAt
        end(.screen, &sample)
        try path.record.admit(trace)
        end(.record, &sample)
        gateway.loop.execute { [self] in
            end(.forward, &sent)
            upstream.answer()
        }
        let answer = try await path.forward.send(screened, trace: trace, at: decidedAt)
        end(.receive, &sample)
        sample.take(.forward, from: sent)
        let judged = try await path.completion.judge(answer, trace: trace)
        end(.judge, &sample)
        return Judgement(trace: trace, answer: answer, judged: judged)
    }

    private func receive(_ request: ByteBuffer) throws(PathExit) -> (Exchange, body: ByteBuffer) {
        let http = path.http
        var machine = InboundMachine(
            headBytesMax: http.headBytesMax, fieldsMax: http.headerFieldsMax, allocator: ByteBufferAllocator())
        machine.receive(request)
        guard case .head(let head) = machine.next(), case .body(let body) = machine.next(),
            case .bodyEnd = machine.next()
        else { throw .internal("a request that is not whole") }
        let exchange = Exchange(
            on: path, head: head, clientAddress: path.proxies.clientAddress(of: head, peer: ClientAddress(peer: nil)),
            arrivedAt: .now, connection: connection, budget: gateway.bytesInFlight)
        return (exchange, body)
    }

    /// Settles them all; what that takes of this thread, in which waiting is free.
    private func settle(_ judgements: [Judgement]) async throws(PathExit) -> (nanoseconds: Int64, allocations: Int) {
        let before = (at: Self.processorTime(), allocations: allocations())
        let (path, executor) = (path, gateway.executor)
        let results = await withTaskGroup(of: Result<Void, PathExit>.self) { tasks in
            for judgement in judgements {
                tasks.addTask(executorPreference: executor) {
                    do throws(PathExit) {
                        try await path.record.settle(judgement.trace, judgement.judged.ending, at: .now)
                        return .success(())
                    } catch {
                        return .failure(error)
                    }
                }
            }
            var results: [Result<Void, PathExit>] = []
            for await result in tasks { results.append(result) }
            return results
        }
        let taken = (Self.processorTime() - before.at, allocations() - before.allocations)
        for result in results { try result.get() }
        return taken
    }

    private func answer(_ judgement: Judgement, _ sample: inout Sample) {
        begin()
        let answer = path.answers.whole(
            judgement.trace, judgement.judged, upstream: judgement.answer.head.fields)
        let bytes = AnswerEncoder.encode(
            answer, keepsAlive: true, date: gateway.date.bytes, allocator: ByteBufferAllocator())
        path.settle(judgement.trace, judgement.judged.ending)
        precondition(bytes.readableBytes > answer.body.count)
        end(.answer, &sample)
    }

    // MARK: - The clock

    private func begin() {
        lap = (readsProcessorTime ? Self.processorTime() : Moment.now.nanoseconds, allocations())
    }

    /// Notes what has passed since the last reading.
    private func end(_ step: Step, _ sample: inout Sample) {
        let now = (at: readsProcessorTime ? Self.processorTime() : Moment.now.nanoseconds, allocations: allocations())
        sample.nanoseconds[step.rawValue] = now.at - lap.at
        sample.allocations[step.rawValue] = now.allocations - lap.allocations
        begin()
    }

    /// Nanoseconds of a processor that this thread has had.
    private static func processorTime() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

extension PathProbe.Sample {
    fileprivate mutating func take(_ step: PathProbe.Step, from other: PathProbe.Sample) {
        nanoseconds[step.rawValue] = other.nanoseconds[step.rawValue]
        allocations[step.rawValue] = other.allocations[step.rawValue]
    }
}
