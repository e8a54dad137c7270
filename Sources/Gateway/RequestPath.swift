internal import Access
internal import Filtering
internal import Limits
internal import Logging
internal import Records
internal import Storage

/// The way of every request through the gateway, read from top to bottom.
///
/// ```
/// head ─► authenticate ─► parse ─► admit ─► limit ─► budget ─► screen ─► forward ─► judge or relay ─► settle ─► bytes
/// ```
/// Each stage takes what the one before it made, so a request that skipped a stage does not compile. A stage that stops
/// the request throws a `PathExit`, which is turned into the caller's error and into the record here and nowhere else.
/// One path belongs to one event loop, with that loop's working memory; its tasks never leave it. It is made of one
/// configuration; a reload makes another, and an exchange ends on the path that it began on. A class, because an exchange
/// that holds it then counts one reference, not one for each stage.
final class RequestPath: Sendable {
    let authenticate: AuthenticateStage
    let parse: ParseStage
    let admit: AdmitStage
    let limit: LimitStage
    let budget: BudgetStage
    let screen: ScreenStage
    let record: RecordStage
    let forward: ForwardStage
    let completion: CompletionStage
    let stream: StreamStage
    let answers: AnswerHeads
    let local: LocalAnswers
    let metrics: GatewayMetrics
    let failures: UpstreamFailureReport
    let isDraining: DrainFlag
    let log: Logger
    /// Sizes and times of the client's side.
    let http: HTTPSettings
    let proxies: TrustedProxies
    private let ids: RecordIDSource

    /// Wires the stages.
    ///
    /// - Parameters:
    ///   - pools: of the same plan.
    ///   - ids: the loop's, which count on from path to path.
    init(
        _ plan: GatewayPlan, _ parts: GatewayParts, pools: UpstreamPools, screener: Screener, ids: RecordIDSource,
        executor: LoopExecutor
    ) {
        let (settings, observesOnly) = (plan.settings, plan.settings.observesOnly)
        http = settings.http
        proxies = TrustedProxies(networks: settings.trustedProxies)
        (metrics, isDraining, log, self.ids) = (parts.metrics, parts.isDraining, parts.log, ids)
        failures = UpstreamFailureReport(metrics: parts.metrics.upstreams, log: parts.log)
        authenticate = AuthenticateStage(keys: plan.keys, digester: parts.digester, failures: parts.failures)
        parse = ParseStage(bodyBytesMax: http.bodyBytesMax, settings: settings.dialects)
        admit = AdmitStage(models: plan.models)
        limit = LimitStage(
            limiter: parts.limiter, shared: parts.sharedLimiter, endUsers: EndUserReader(digester: parts.digester),
            observesOnly: observesOnly)
        budget = BudgetStage(
            budgets: parts.budgets, shared: parts.sharedBudgets, currency: settings.currency,
            observesOnly: observesOnly)
        let judge = JudgeStage(
            panel: plan.judges, pools: pools, classifier: plan.policy.rules.classifier,
            report: JudgeReport(metrics: parts.metrics.judges, log: parts.log), executor: executor,
            observesOnly: observesOnly)
        screen = ScreenStage(
            policy: plan.policy, screener: screener, judge: judge, sampler: parts.sampler, observesOnly: observesOnly,
            executor: executor)
        record = RecordStage(
            journal: parts.journal, turn: JournalTurn(parts.journal, on: executor.loop),
            failure: settings.recordFailure, observesOnly: observesOnly,
            metrics: parts.metrics)
        forward = ForwardStage(
            pools: pools, headers: FieldNames(settings.headers.toUpstream), screener: screener,
            observesOnly: observesOnly, failures: failures)
        completion = CompletionStage(
            screener: screener, judge: judge, sampler: parts.sampler, observesOnly: observesOnly, executor: executor,
            answerBytesMax: http.answerBytesMax)
        answers = AnswerHeads(observesOnly: observesOnly, headers: settings.headers, addresses: settings.addresses)
        stream = StreamStage(
            screener: screener, judge: judge, sampler: parts.sampler, bytesInFlight: parts.bytesInFlight,
            answerBytesMax: http.answerBytesMax, observesOnly: observesOnly, eventBytesMax: http.eventBytesMax,
            textsMax: http.streamTextsMax, lettingsGo: parts.metrics.lettingsGo, loop: executor.loop, record: record,
            answers: answers)
        local = LocalAnswers(
            models: plan.models, parse: parse, policy: plan.policy, screener: screener, startedAt: parts.startedAt,
            executor: executor)
        metrics.paths.add()
    }

    deinit { metrics.paths.subtract() }

    /// Serves one exchange. Its answer, whole or broken off, has been written when this returns.
    func serve(_ exchange: Exchange) async {
        let now = Timestamp.now
        let trace = Trace(exchange, id: ids.next(at: now), at: now)
        metrics.inFlight.add()
        defer { metrics.inFlight.subtract() }
        do throws(PathExit) {
            let route = try Route(path: exchange.head.path)
            trace.dialect = route.recordDialect
            trace.api = route.api(exchange.head)
            // From here on errors are in the words of the API that was asked.
            try route.require(exchange.head.method)
            if isDraining.isSet { throw .refused(Refusal(.draining, retryAfter: .seconds(1))) }
            let caller = try authenticate.admit(exchange, at: trace.at)
            trace.key = caller.key
            switch route {
            case .forward(let dialect):
                try await serve(caller, as: dialect, trace)
            case .moderations, .models, .model:
                try await serve(route, caller, trace)
            }
        } catch {
            await leave(by: error, exchange, trace)
        }
    }

    /// The path of everything that a model answers.
    private func serve(_ caller: Authenticated, as dialect: Dialect, _ trace: Trace) async throws(PathExit) {
        let parsed = try await parse.parse(caller, as: dialect)
        let parsedAt = Moment.now
        trace.parsed(parsed, at: parsedAt)
        let admitted = try admit.admit(parsed)
        trace.admitted(admitted)
        let limited =
            if let shared = limit.shared {
                try await limit.reserve(admitted, from: shared, trace: trace)
            } else {
                try limit.reserve(admitted, trace: trace, at: parsedAt)
            }
        let budgeted = try await budget.reserve(limited, trace: trace)
        let screened = try await screen.screen(budgeted, trace: trace)
        let decidedAt = Moment.now
        trace.decidedAt = decidedAt
        try record.admit(trace)
        let answer = try await forward.send(screened, trace: trace, at: decidedAt)
        do throws(PathExit) {
            settle(trace, try await give(answer, trace))
        } catch {
            if case .upstream(let failure) = error { answer.upstream.brokeOff(failure) }
            throw error
        }
    }

    /// Judges what an upstream answers, and gives it to the caller once that is on record.
    private func give(_ answer: Forwarded, _ trace: Trace) async throws(PathExit) -> Ending {
        if answer.request.facts.isStream { return try await stream.relay(answer, trace: trace) }
        let judged = try await completion.judge(answer, trace: trace)
        try await record.settle(trace, judged.ending, at: .now)
        answer.request.caller.exchange.answer(answers.whole(trace, judged, upstream: answer.head.fields))
        return judged.ending
    }

    /// What Steward answers itself, from its own data.
    private func serve(_ route: Route, _ caller: Authenticated, _ trace: Trace) async throws(PathExit) {
        let body = try await local.body(for: route, caller, limit: limit, trace)
        let ending = Ending(outcome: .answered, status: 200)
        try await record.settle(trace, ending, at: .now)
        caller.exchange.answer(answers.whole(trace, Judged(body: body, ending: ending), upstream: nil))
        settle(trace, ending)
    }

    /// Records how an exchange left the path, and tells the caller.
    private func leave(by exit: PathExit, _ exchange: Exchange, _ trace: Trace) async {
        var exit = exchange.clientLeft ? .clientLeft : exit
        var ending = Ending(exit, status: CallerError.status(of: exit, trace.api))
        if case .internal(let detail) = exit {
            log.error("internal error", metadata: ["request_id": "\(trace.id)", "detail": "\(detail)"])
        }
        if case .upstream(let failure) = exit, let upstream = trace.upstream {
            failures.note(failure, of: upstream, in: trace)
        }
        // A stranger's request leaves no record, or anybody could fill the disk; it is counted.
        if trace.key != nil {
            do throws(PathExit) {
                try await record.settle(trace, ending, at: .now)
            } catch {
                exit = error
                ending = Ending(exit, status: CallerError.status(of: exit, trace.api))
            }
        }
        end(exchange, by: exit, trace)
        settle(trace, ending)
    }

    /// Charges what was used, and counts the exchange.
    func settle(_ trace: Trace, _ ending: Ending) {
        let now = Moment.now
        let tokens = ending.tokens(of: trace)
        trace.grant?.settle(actualTokens: tokens.total, at: now)
        trace.budget?.settle(BudgetCost(tokens: tokens.total, money: trace.prices.map(tokens.cost) ?? .zero))
        metrics.observe(trace, ending, at: now)
    }

    private func end(_ exchange: Exchange, by exit: PathExit, _ trace: Trace) {
        switch exchange.state {
        case .reading: exchange.answer(answers.error(exit, trace))
        case .streaming: exchange.endStream(answers.errorEvent(exit, trace))
        case .ended: return
        }
    }

    // MARK: - Before there is an exchange

    /// The answer to bytes that are no HTTP request.
    func answer(toUnreadable problem: HeadProblem) -> Answer {
        unserved(Refusal(.malformedHTTP(problem)))
    }

    func answerToSlowHead() -> Answer { unserved(Refusal(.headTimeout)) }

    func answerAboveConnectionBound() -> Answer { unserved(.overloaded(.connections)) }

    private func unserved(_ refusal: Refusal) -> Answer {
        let trace = Trace(id: ids.next(at: .now), at: .now, arrivedAt: .now)
        metrics.observe(trace, Ending(.refused(refusal), status: refusal.explanation.status), at: .now)
        return answers.error(.refused(refusal), trace)
    }
}

extension Ending {
    /// How an exchange ended that left the path.
    init(_ exit: PathExit, status: Int) {
        switch exit {
        case .refused(let refusal):
            let code = refusal.recordCode
            if case .guideline = refusal.reason {
                self.init(outcome: .blocked, status: status, refusal: code, clause: refusal.clause)
            } else {
                self.init(outcome: .refused, status: status, refusal: code, clause: refusal.clause)
            }
        case .upstream(.rejected):
            self.init(outcome: .refused, status: status, refusal: "upstream_rejected")
            isUnseen = true
        case .upstream(let failure):
            self.init(outcome: .upstreamFailed, status: status, refusal: failure.code)
            isUnseen = failure.isUnseen
        case .clientLeft:
            self.init(outcome: .clientLeft, status: 499)
        case .internal:
            self.init(outcome: .internalError, status: status)
        }
    }
}
