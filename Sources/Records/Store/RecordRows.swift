internal import Snapshots
internal import Storage

/// The SQL of one month's table.
enum RecordRows {
    static let columns = """
        id, admitted_at, settled_at, key_id, application, organisation, stage, dialect, model, outcome, status, \
        is_stream, observe_only, prompt_verdict, completion_verdict, findings, tokens_reserved, input_tokens, \
        output_tokens, tokens_estimated, upstream, refusal, clause, caller_request_id, parse_us, decide_us, queue_us, \
        first_token_us, total_us, cost, released_bytes
        """

    private static let insertion = """
        INSERT INTO records (\(columns))
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, \
        $23, $24, $25, $26, $27, $28, $29, $30, $31)
        ON CONFLICT DO NOTHING
        """

    /// Lets others go first every so many rows.
    static func backstage(pauses: Bool) -> Backstage { Backstage(every: 32, isBehind: !pauses) }

    /// Inserts those that are not there yet.
    static func insert(
        _ records: [Record], in transaction: any Transaction, backstage: Backstage = backstage(pauses: false)
    ) throws {
        var backstage = backstage
        try transaction.execute(insertion, rows: records.count) { index, row in
            backstage.step()
            try append(records[index].admission, records[index].settlement, to: &row)
        }
    }

    private static func append(
        _ admission: Admission, _ settlement: Settlement, to row: inout SQLArguments
    ) throws {
        row.append(admission.record)
        row.append(admission.at)
        row.append(settlement.at)
        row.append(admission.key)
        row.append(admission.application)
        row.append(admission.organisation)
        row.append(Int(admission.stage))
        row.append(Int(admission.dialect.rawValue))
        row.append(admission.model)
        row.append(Int(settlement.outcome.rawValue))
        row.append(Int(settlement.status))
        row.append(admission.isStream)
        row.append(admission.observeOnly)
        row.append(Int(admission.promptVerdict))
        row.append(Int(settlement.completionVerdict))
        row.append(
            try FindingsText.encode(prompt: admission.promptFindings, completion: settlement.completionFindings))
        row.append(admission.tokensReserved)
        row.append(settlement.inputTokens)
        row.append(settlement.outputTokens)
        row.append(settlement.tokensEstimated)
        row.append(settlement.upstream)
        row.append(settlement.refusal)
        row.append(settlement.clause)
        row.append(admission.callerRequestID)
        row.append(Int(settlement.microseconds.parse))
        row.append(Int(settlement.microseconds.decide))
        row.append(Int(settlement.microseconds.queue))
        row.append(Int(settlement.microseconds.firstToken))
        row.append(Int(settlement.microseconds.total))
        row.append(settlement.cost.map(SQLValue.integer) ?? .null)
        row.append(settlement.releasedBytes.map { .integer(Int64($0)) } ?? .null)
    }

    static func record(_ id: RecordID, in reader: any Reader) throws -> (record: Record, sequence: Int64)? {
        try reader.query("SELECT sequence, \(columns) FROM records WHERE id = $1", [id]).first.map { row in
            (try record(row), try row["sequence"])
        }
    }

    /// Up to `limit` that match, settled after `sequence`, in that order.
    static func after(
        _ sequence: Int64, limit: Int, filter: RecordFilter, in reader: any Reader
    ) throws -> [Record] {
        try reader.query(
            """
            SELECT \(columns)
            FROM records
            WHERE sequence > $1
                AND ($2 = '' OR application = $2)
                AND ($3 = '' OR model = $3)
                AND ($4 = 0 OR outcome = $4)
            ORDER BY sequence
            LIMIT $5
            """, [sequence] + arguments(filter) + [limit]
        ).map(record)
    }

    /// The last `limit` that match, latest first.
    static func latest(limit: Int, filter: RecordFilter, in reader: any Reader) throws -> [Record] {
        try reader.query(
            """
            SELECT \(columns)
            FROM records
            WHERE ($1 = '' OR application = $1)
                AND ($2 = '' OR model = $2)
                AND ($3 = 0 OR outcome = $3)
            ORDER BY sequence DESC
            LIMIT $4
            """, arguments(filter) + [limit]
        ).map(record)
    }

    private static func arguments(_ filter: RecordFilter) -> [any SQLValueConvertible] {
        [filter.application?.description ?? "", filter.model ?? "", Int(filter.outcome?.rawValue ?? 0)]
    }

    private static func record(_ row: Row) throws -> Record {
        let findings = try FindingsText.decode(try row["findings"])
        let record: RecordID = try row["id"]
        let admission = Admission(
            record: record, at: try row["admitted_at"], key: try row["key_id"],
            application: try row["application"], organisation: try row["organisation"],
            stage: try small(row, "stage"),
            dialect: RecordDialect(rawValue: try small(row, "dialect")) ?? .unknown, model: try row["model"],
            isStream: try row["is_stream"], observeOnly: try row["observe_only"],
            tokensReserved: try row["tokens_reserved"], promptVerdict: try small(row, "prompt_verdict"),
            promptFindings: findings.prompt, callerRequestID: try row["caller_request_id"])
        let times = StageTimes(
            parse: try small(row, "parse_us"), decide: try small(row, "decide_us"), queue: try small(row, "queue_us"),
            firstToken: try small(row, "first_token_us"), total: try small(row, "total_us"))
        let settlement = Settlement(
            record: record, at: try row["settled_at"],
            outcome: Outcome(rawValue: try small(row, "outcome")) ?? .internalError,
            status: try small(row, "status"), inputTokens: try row["input_tokens"],
            outputTokens: try row["output_tokens"], tokensEstimated: try row["tokens_estimated"],
            cost: try row["cost"], upstream: try row["upstream"],
            completionVerdict: try small(row, "completion_verdict"),
            releasedBytes: try row["released_bytes"], completionFindings: findings.completion,
            refusal: try row["refusal"], clause: try row["clause"],
            microseconds: times)
        return Record(admission: admission, settlement: settlement)
    }

    private static func small<Number: FixedWidthInteger>(_ row: Row, _ column: String) throws -> Number {
        let value: Int64 = try row[column]
        return Number(clamping: value)
    }
}
