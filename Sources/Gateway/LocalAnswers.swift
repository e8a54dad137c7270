internal import Access
internal import Filtering
internal import JSON
internal import Storage

/// What Steward answers itself: its list of models, and moderations by its own filter.
///
/// `@unchecked Sendable`: the screener is working memory of one event loop, on which this is called.
struct LocalAnswers: @unchecked Sendable {
    let models: ModelTable
    let parse: ParseStage
    let policy: Policy
    let screener: Screener
    /// When the gateway was; models have been there since, as far as callers can tell.
    let startedAt: Timestamp
    let executor: LoopExecutor

    /// Counts as a request like any other; a moderation's text counts as tokens.
    func body(
        for route: Route, _ caller: Authenticated, limit: LimitStage, _ trace: Trace
    ) async throws(PathExit) -> [UInt8] {
        switch route {
        case .models:
            try AdmitStage.require(.models, of: caller.key)
            try await limit.reserve(caller.key.limits, tokens: 1, trace: trace)
            return trace.api == .anthropic ? anthropicList(for: caller.key) : list(for: caller.key)
        case .model(let name):
            try AdmitStage.require(.models, of: caller.key)
            try await limit.reserve(caller.key.limits, tokens: 1, trace: trace)
            return try entry(name, for: caller.key, as: trace.api)
        case .moderations:
            try AdmitStage.require(.moderations, of: caller.key)
            return try await moderate(caller, limit: limit, trace)
        case .forward:
            throw .internal("a model's route reached the local answers")
        }
    }

    // MARK: - Models

    private func list(for key: KeyEntry) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("object" as StaticString)
            writer.string("list")
            writer.key("data" as StaticString)
            writer.array { writer in
                for model in models.all where key.mayUse(model) {
                    for name in model.names { write(name, into: &writer) }
                }
            }
        }
        return writer.bytes
    }

    private func anthropicList(for key: KeyEntry) -> [UInt8] {
        let names = models.all.filter { key.mayUse($0) }.flatMap(\.names)
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("data" as StaticString)
            writer.array { writer in
                for name in names { writeAnthropic(name, into: &writer) }
            }
            writer.key("has_more" as StaticString)
            writer.bool(false)
            for (member, name) in [("first_id", names.first), ("last_id", names.last)] as [(StaticString, String?)] {
                writer.key(member)
                if let name { writer.string(name) } else { writer.null() }
            }
        }
        return writer.bytes
    }

    private func writeAnthropic(_ name: String, into writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("type" as StaticString)
            writer.string("model")
            writer.key("id" as StaticString)
            writer.string(name)
            writer.key("display_name" as StaticString)
            writer.string(name)
            writer.key("created_at" as StaticString)
            writer.string(utf8: startedAt.rfc3339)
        }
    }

    private func entry(_ name: String, for key: KeyEntry, as api: API) throws(PathExit) -> [UInt8] {
        guard let model = models[name], key.mayUse(model) else { throw .refused(Refusal(.unknownModel(name))) }
        var writer = JSONWriter()
        if api == .anthropic { writeAnthropic(name, into: &writer) } else { write(name, into: &writer) }
        return writer.bytes
    }

    private func write(_ name: String, into writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("id" as StaticString)
            writer.string(name)
            writer.key("object" as StaticString)
            writer.string("model")
            writer.key("created" as StaticString)
            writer.int(Int(startedAt.microseconds / 1_000_000))
            writer.key("owned_by" as StaticString)
            writer.string("steward")
        }
    }

    // MARK: - Moderations

    private func moderate(
        _ caller: Authenticated, limit: LimitStage, _ trace: Trace
    ) async throws(PathExit) -> [UInt8] {
        let document = try await parse.readDocument(caller)
        trace.parsedAt = .now
        trace.promptBytes = document.bytes.count
        let reader = FieldReader(document)
        try reader.requireObject()
        trace.model = "steward-filter"
        let inputs = try texts(reader)
        // An answer has much to say of each text, however short.
        try await limit.reserve(
            caller.key.limits, tokens: (trace.promptBytes + 3) / 4 + inputs.count * 64, trace: trace)
        let filter = policy.filter(for: caller.key)
        trace.prompt = ScreeningSummary()
        var results: [Screening] = []
        var turn = ScreeningTurn()
        for text in inputs {
            let screening = try await screener.screen(text, side: .prompt, policy: filter, &turn) {
                () async throws(PathExit) in try await executor.letOthersRun(for: caller.exchange)
            }
            trace.prompt.verdict = trace.prompt.verdict.combined(with: screening.verdict)
            trace.prompt.add(screening.findings)
            var answered = screening
            // What a rule in shadow finds, only the record tells.
            answered.findings.removeAll { $0.verdict == .allow }
            results.append(answered)
        }
        if caller.exchange.clientLeft { throw .clientLeft }
        trace.decidedAt = .now
        return ModerationAnswer(id: trace.id, policy: policy).encoded(results)
    }

    /// A string, an array of strings, or an array of parts, of which only text can be judged.
    private func texts(_ reader: FieldReader) throws(PathExit) -> [[UInt8]] {
        let document = reader.document
        guard let input = reader.member("input") else {
            throw .refused(.invalid("input", "`input` is missing. Send a string or an array of strings."))
        }
        func text(_ node: JSONNode) -> [UInt8] {
            var bytes: [UInt8] = []
            document.appendUTF8(of: node, to: &bytes)
            return bytes
        }
        switch document.kind(input) {
        case .string: return [text(input)]
        case .array where document.count(of: input) > parse.settings.messagesMax:
            let max = parse.settings.messagesMax
            throw .refused(.invalid("input", "`input` has more than \(max) elements. Send them in several requests."))
        case .array where document.count(of: input) > 0:
            var texts: [[UInt8]] = []
            var joined: [UInt8] = []
            var hasParts = false
            for (index, element) in document.elements(of: input).enumerated() {
                if document.kind(element) == .string {
                    texts.append(text(element))
                } else if let part = document.member("text", of: element), document.kind(part) == .string {
                    joined.append(contentsOf: text(part))
                    hasParts = true
                } else {
                    throw .refused(
                        .invalid("input[\(index)]", "`input[\(index)]` is no text. Only text can be moderated."))
                }
            }
            return hasParts ? texts + [joined] : texts
        default:
            throw .refused(.invalid("input", "`input` must be a string or an array of strings."))
        }
    }
}

extension KeyEntry {
    func mayUse(_ model: Model) -> Bool {
        allowedModels?.contains(model.settings.name) ?? true
    }
}

/// An answer of `/v1/moderations` in OpenAI's schema, made from findings.
struct ModerationAnswer {
    let id: RecordID
    let policy: Policy

    func encoded(_ results: [Screening]) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("id" as StaticString)
            writer.string(id.description)
            writer.key("model" as StaticString)
            writer.string("steward-filter")
            writer.key("results" as StaticString)
            writer.array { writer in
                for screening in results { write(screening, into: &writer) }
            }
        }
        return writer.bytes
    }

    /// A score is the classifier's, or 1 for what a pattern finds. A category that nobody judges, or not in this script, is
    /// `false` and 0 as the schema demands, has no applied input type, and is named under `steward.not_evaluated`.
    private func write(_ screening: Screening, into writer: inout JSONWriter) {
        let categories = policy.categories
        let findings = screening.findings
        let found = categories.moderation(of: findings.map(\.category))
        let scores = scores(of: screening)
        let scored = policy.rules.classifier?.scored(screening.highest) ?? []
        writer.object { writer in
            writer.key("flagged" as StaticString)
            writer.bool(findings.contains { $0.verdict != .allow })
            writer.key("categories" as StaticString)
            writer.object { writer in
                for name in Taxonomy.moderationCategories {
                    writer.key(name)
                    writer.bool(found.contains(name))
                }
            }
            writer.key("category_scores" as StaticString)
            writer.object { writer in
                for name in Taxonomy.moderationCategories {
                    writer.key(name)
                    writer.double(scores[name] ?? 0)
                }
            }
            writer.key("category_applied_input_types" as StaticString)
            writer.object { writer in
                for name in Taxonomy.moderationCategories {
                    writer.key(name)
                    writer.array { if categories.judges(moderation: name, scored: scored) { $0.string("text") } }
                }
            }
            writer.key("steward" as StaticString)
            writeOwn(findings, scored: scored, into: &writer)
        }
    }

    /// By OpenAI's category, the highest of what sets it.
    private func scores(of screening: Screening) -> [String: Double] {
        var known = screening.findings.map { ($0.category, $0.score) }
        if let classifier = policy.rules.classifier { known += classifier.probabilities(of: screening.highest) }
        return known.reduce(into: [:]) { scores, category in
            for name in policy.categories[category.0]?.moderation ?? [] {
                scores[name] = max(scores[name] ?? 0, category.1)
            }
        }
    }

    private func writeOwn(_ findings: [Finding], scored: Set<Category>, into writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("guidelines" as StaticString)
            writer.string(policy.guidelines.version)
            writer.key("not_evaluated" as StaticString)
            writer.array { writer in
                for name in Taxonomy.moderationCategories
                where !policy.categories.judges(moderation: name, scored: scored) {
                    writer.string(name)
                }
            }
            writer.key("findings" as StaticString)
            writer.array { writer in
                for finding in findings {
                    writer.object { writer in
                        writer.key("category" as StaticString)
                        writer.string(finding.category.rawValue)
                        writer.key("rule" as StaticString)
                        writer.string(finding.rule)
                        writer.key("verdict" as StaticString)
                        writer.string(finding.verdict.name)
                        writer.key("score" as StaticString)
                        writer.double(finding.score)
                        writer.key("clause" as StaticString)
                        if let clause = finding.clause { writer.string(clause) } else { writer.null() }
                        writer.key("start" as StaticString)
                        writer.int(finding.range.lowerBound)
                        writer.key("end" as StaticString)
                        writer.int(finding.range.upperBound)
                    }
                }
            }
        }
    }
}
