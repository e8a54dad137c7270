package import Storage

/// What one application used of one model on one day.
package struct Usage: Sendable, Hashable {
    package var day: Day
    /// `nil`: callers that could not be told.
    package var application: ApplicationID?
    package var model: String
    /// As in its admissions: 0 sandbox, 1 production.
    package var stage: UInt8
    package var requests: Int
    package var refused: Int
    package var blocked: Int
    /// Ended by the upstream, by a fault of ours, or interrupted.
    package var failed: Int
    package var inputTokens: Int
    package var outputTokens: Int
    /// Nanos, as charged at the time; `nil` where nothing had a price.
    package var cost: Int64?
}

/// Adds records up, to be written as few rows.
struct UsageSums: Sendable {
    struct Key: Hashable, Sendable {
        var day: Day
        var application: ApplicationID?
        var model: String
        var stage: UInt8
    }

    private var sums: [Key: Usage] = [:]
    /// Of the key that came last, which is mostly the next one's too, and not in `sums` yet.
    private var latest: (key: Key, usage: Usage)?
    private var day: (number: Int64, day: Day)?

    mutating func add(_ record: Record) {
        let key = Key(
            day: self.day(of: record.admission.at), application: record.admission.application,
            model: record.admission.model, stage: record.admission.stage)
        if latest?.key != key { turn(to: key) }
        latest?.usage.add(record.settlement.outcome, record.settlement)
    }

    private mutating func turn(to key: Key) {
        if let latest { sums[latest.key] = latest.usage }
        let usage =
            sums.removeValue(forKey: key)
            ?? Usage(
                day: key.day, application: key.application, model: key.model, stage: key.stage, requests: 0,
                refused: 0, blocked: 0, failed: 0, inputTokens: 0, outputTokens: 0)
        latest = (key, usage)
    }

    private mutating func day(of time: Timestamp) -> Day {
        let number = time.microseconds / 86_400_000_000
        if let day, day.number == number { return day.day }
        let day = Day(containing: time)
        self.day = (number, day)
        return day
    }

    func save(in transaction: any Transaction) throws {
        var sums = sums
        if let latest { sums[latest.key] = latest.usage }
        // In one order for all processes: two that change the same rows then wait, and don't block one another.
        let ordered = sums.sorted {
            ($0.key.day.description, $0.key.model, $0.key.application?.description ?? "", $0.key.stage)
                < ($1.key.day.description, $1.key.model, $1.key.application?.description ?? "", $1.key.stage)
        }
        for (key, usage) in ordered {
            try transaction.execute(
                """
                INSERT INTO usage_days (
                    day, application, model, stage, requests, refused, blocked, failed, input_tokens, output_tokens,
                    cost)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
                ON CONFLICT (day, application, model, stage) DO UPDATE SET
                    requests = usage_days.requests + excluded.requests,
                    refused = usage_days.refused + excluded.refused,
                    blocked = usage_days.blocked + excluded.blocked,
                    failed = usage_days.failed + excluded.failed,
                    input_tokens = usage_days.input_tokens + excluded.input_tokens,
                    output_tokens = usage_days.output_tokens + excluded.output_tokens,
                    cost = CASE
                        WHEN excluded.cost IS NULL THEN usage_days.cost
                        ELSE coalesce(usage_days.cost, 0) + excluded.cost
                    END
                """,
                [
                    key.day.description, key.application?.description ?? "", key.model, Int(key.stage),
                    usage.requests, usage.refused, usage.blocked, usage.failed, usage.inputTokens, usage.outputTokens,
                    usage.cost,
                ])
        }
    }
}

extension Usage {
    fileprivate mutating func add(_ outcome: Outcome, _ settlement: Settlement) {
        requests += 1
        switch outcome {
        case .answered, .clientLeft: break
        case .refused: refused += 1
        case .blocked: blocked += 1
        case .upstreamFailed, .interrupted, .internalError: failed += 1
        }
        inputTokens += settlement.inputTokens
        outputTokens += settlement.outputTokens
        if let more = settlement.cost { cost = Spending.sum(cost ?? 0, more) }
    }
}

extension RecordStore {
    /// Usage on the days from `first` through `last`, by day, application, model and stage.
    package func usage(
        from first: Day, through last: Day, application: ApplicationID? = nil
    ) async throws -> [Usage] {
        try await main.read { reader in
            try reader.query(
                """
                SELECT day, application, model, stage, requests, refused, blocked, failed, input_tokens, output_tokens,
                    cost
                FROM usage_days
                WHERE day >= $1 AND day <= $2 AND ($3 = '' OR application = $3)
                ORDER BY day, application, model, stage
                """, [first.description, last.description, application?.description ?? ""]
            ).map { row in
                let day: String = try row["day"]
                let application: String = try row["application"]
                let stage: Int = try row["stage"]
                guard let day = Day(day) else {
                    throw StorageError.unreadableValue(column: "day", expected: "a day", found: "other text")
                }
                return Usage(
                    day: day, application: ApplicationID(application), model: try row["model"],
                    stage: UInt8(clamping: stage), requests: try row["requests"], refused: try row["refused"],
                    blocked: try row["blocked"], failed: try row["failed"], inputTokens: try row["input_tokens"],
                    outputTokens: try row["output_tokens"], cost: try row["cost"])
            }
        }
    }
}
