package import Access
internal import Filtering
internal import HTTPTypes
internal import Hummingbird
package import Snapshots
internal import Storage
internal import Web

/// `/admin/v1/filter/samples`: what the commands under `steward filter samples` do, for programs.
///
/// A reviewer is the name of the token that a request comes with, so no request names one; two tokens of one name are one.
package struct SampleRoutes: AdminRoutes {
    let desk: SampleDesk
    /// `nil` where no texts are kept.
    let seal: SampleSeal?
    let terms: Snapshot<SampleTerms>
    private let isReading = Lock(false)

    package init(desk: SampleDesk, seal: SampleSeal?, terms: Snapshot<SampleTerms>) {
        (self.desk, self.seal, self.terms) = (desk, seal, terms)
    }

    package func addRoutes(to router: inout AdminRouter) {
        router.on(.get, "filter/samples", .listSamples, use: list)
        router.on(.get, "filter/samples/next", .listSamples, use: next)
        router.on(.get, "filter/samples/precision", .readPrecision, use: precision)
        router.on(.get, "filter/samples/thresholds", .readThresholds, use: thresholds)
        router.on(.get, "filter/samples/proposals", .readProposals, use: proposals)
        router.on(.get, "filter/samples/:id", .openContent, use: open)
        router.on(.post, "filter/samples/:id/labels", .labelSamples, use: label)
        router.on(.post, "filter/samples/:id/decline", .labelSamples, use: decline)
        router.on(.delete, "filter/samples/:id/text", .forgetSamples, use: forget)
    }

    // MARK: - Samples

    /// Who misspells what they don't want to see would see it.
    private func check(_ query: SampleQuery) throws {
        for category in [query["category"]].compactMap(\.self) + query.all("not") {
            try SampleDesk.check(category, in: terms.current.taxonomy)
        }
    }

    private static let searchedMax = 5_000

    @Sendable private func list(request: Request, context: AdminContext) async throws -> JSONAnswer {
        let query = try SampleQuery(
            request, ["rule", "category", "reason", "waiting", "before", "limit"], several: ["not"])
        try check(query)
        let isWaiting = try query.word("waiting", among: ["true", "false"]) == "true"
        let filter = SampleFilter(
            rule: query["rule"], category: query["category"], declined: query.all("not"),
            reason: try query.word("reason", among: ["found", "unsure", "random"]),
            reviewer: isWaiting ? context.identity.name : nil)
        return try JSONAnswer(
            try await desk.list(
                filter, before: try query.sample("before"), limit: try query.number("limit", in: 1...200) ?? 50,
                searchedMax: Self.searchedMax))
    }

    @Sendable private func next(request: Request, context: AdminContext) async throws -> Response {
        let query = try SampleQuery(request, ["category"], several: ["not"])
        try check(query)
        let filter = SampleFilter(category: query["category"], declined: query.all("not"))
        guard let state = try await desk.next(for: context.identity.name, filter) else {
            return Response(status: .noContent, headers: [.cacheControl: "no-store"])
        }
        return try Self.answer(state).response(from: request, context: context)
    }

    /// The one route that gives a text out.
    @Sendable private func open(request: Request, context: AdminContext) async throws -> JSONAnswer {
        _ = try SampleQuery(request, [])
        let id = try Self.id(context)
        let state = try await desk.store.state(of: id)
        guard !state.isRestricted else { throw SampleError.restricted(id) }
        let text = try await desk.text(of: id, under: seal)
        context.note(.openContent, on: id)
        let view = SampleView(state.sample, state.labels)
        return try Self.answer(text.map { view.showing($0, isOpened: true) } ?? view, state.tag)
    }

    @Sendable private func label(request: Request, context: AdminContext) async throws -> JSONAnswer {
        _ = try SampleQuery(request, [])
        let id = try Self.id(context)
        guard let condition = SampleCondition(request.headers) else {
            throw Problem(
                .preconditionRequired, code: "if_match_needed", title: "The request does not say what was judged.",
                detail: "Send the sample's ETag as If-Match, or `If-Match: *` to label it whatever others say.")
        }
        let form = try SampleForm(
            try await request.bytes(upTo: context.maxUploadSize), members: ["category", "judgement"])
        let category = try form.text("category", like: "pii.card")
        let word = try form.text("judgement", like: "yes")
        guard let judgement = SampleLabel.Judgement(rawValue: word) else {
            let words = SampleLabel.Judgement.allCases.map(\.rawValue).joined(separator: ", ")
            throw Problem(
                .badRequest, code: "unknown_judgement", title: "“\(word.prefix(64))” is no judgement.",
                detail: "Send one of \(words).")
        }
        let state = try await desk.label(
            SampleLabel(
                sample: id, category: category, reviewer: context.identity.name, judgement: judgement,
                at: context.receivedAt), in: terms.current.taxonomy, if: condition)
        context.note(.labelSamples, on: id, "\(category): \(judgement.rawValue)")
        return try Self.answer(state)
    }

    @Sendable private func decline(request: Request, context: AdminContext) async throws -> JSONAnswer {
        _ = try SampleQuery(request, [])
        let id = try Self.id(context)
        let form = try SampleForm(try await request.bytes(upTo: context.maxUploadSize), members: ["category"])
        let state = try await desk.decline(
            id, form["category"], for: context.identity.name, in: terms.current.taxonomy, at: context.receivedAt)
        context.note(.labelSamples, on: id, "declined")
        return try Self.answer(state)
    }

    @Sendable private func forget(request: Request, context: AdminContext) async throws -> Response {
        _ = try SampleQuery(request, [])
        let id = try Self.id(context)
        try await desk.store.forget(id)
        context.note(.forgetSamples, on: id)
        return Response(status: .noContent, headers: [.cacheControl: "no-store"])
    }

    // MARK: - Figures

    /// One at a time, since each reads all samples.
    private func alone<Figures>(_ read: () async throws -> Figures) async throws -> Figures {
        let isFree = isReading.withLock { isReading in
            defer { isReading = true }
            return !isReading
        }
        guard isFree else {
            throw Problem(
                .serviceUnavailable, code: "figures_busy", title: "Somebody else is reading all samples.",
                detail: "Ask again in a few seconds.")
        }
        defer { isReading.withLock { $0 = false } }
        return try await read()
    }

    @Sendable private func precision(request: Request, context: AdminContext) async throws -> JSONAnswer {
        _ = try SampleQuery(request, [])
        return try JSONAnswer(try await alone { try await desk.precision() })
    }

    @Sendable private func proposals(request: Request, context: AdminContext) async throws -> JSONAnswer {
        _ = try SampleQuery(request, [])
        return try JSONAnswer(try await alone { try await desk.proposals() })
    }

    @Sendable private func thresholds(request: Request, context: AdminContext) async throws -> JSONAnswer {
        let query = try SampleQuery(request, ["category"])
        guard let category = query["category"] else {
            throw Problem(
                .badRequest, code: "invalid_value", title: "category is missing.",
                detail: "Say whose score is meant, like ?category=hate.")
        }
        guard let model = terms.current.classifier else { throw SampleError.noScore(category, known: []) }
        return try JSONAnswer(try await alone { try await desk.thresholds(category, of: model) })
    }

    // MARK: - Parts

    private static func id(_ context: AdminContext) throws(Problem) -> SampleID {
        try SampleID(parameter: context.parameters.get("id") ?? "")
    }

    private static func answer(_ state: SampleState) throws -> JSONAnswer {
        try answer(SampleView(state.sample, state.labels), state.tag)
    }

    private static func answer(_ view: SampleView, _ tag: EntityTag) throws -> JSONAnswer {
        try JSONAnswer(view, headers: [.eTag: tag.description])
    }
}
