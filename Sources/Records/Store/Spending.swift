package import Storage

/// What one subject spent in a day or a month, as the store knows it.
package struct Spending: Sendable, Hashable {
    /// 0 key, 1 application, 2 organisation, 3 end user. Stored, and never changes.
    package var scope: UInt8
    /// The latter half of an id, or 64 bits of an end user's digest.
    package var subject: UInt64
    /// Otherwise of the month.
    package var isOfDay: Bool
    package var tokens: Int64
    /// Nanos.
    package var money: Int64

    /// Bounded, so that nothing overflows.
    static func sum(_ left: Int64, _ right: Int64) -> Int64 {
        min(max(left, 0) &+ min(max(right, 0), sumMax), sumMax)
    }

    /// Two of them fit into a number of the store.
    static let sumMax: Int64 = 1 << 61

    /// Drops what no budget asks for any more: days before yesterday, months before the last. The rest serves clocks that
    /// step back.
    static func drop(at time: Timestamp, in transaction: any Transaction) throws {
        let yesterday = Day(containing: time.adding(.seconds(-86_400)))
        let month = Month(containing: Month(containing: time).start.adding(.seconds(-1)))
        _ = try transaction.execute(
            """
            DELETE FROM spending
            WHERE (length(period) = 10 AND period < $1) OR (length(period) = 7 AND period < $2)
            """, [yesterday.description, month.description])
    }
}

/// Adds up what records spent, to be written as few rows.
struct SpendingSums: Sendable {
    private typealias Sum = (tokens: Int64, money: Int64)

    private struct Key: Hashable, Sendable {
        var day: Int64
        var scope: UInt8
        var subject: UInt64
    }

    /// As the store has them.
    private struct StoredKey: Hashable, Sendable {
        var period: String
        var scope: UInt8
        var subject: UInt64
    }

    /// Whose sums one record counts in, and of which day.
    private struct Subjects: Equatable, Sendable {
        var day: Int64
        var key: UInt64
        var application: UInt64
        var organisation: UInt64
        var endUser: UInt64?
    }

    private var sums: [Key: Sum] = [:]
    /// Of the subjects that came last, which are mostly the next one's too, and not in `sums` yet.
    private var latest: (subjects: Subjects, sum: Sum)?

    mutating func add(_ record: Record) {
        let admission = record.admission
        guard let key = admission.key, let application = admission.application,
            let organisation = admission.organisation
        else { return }
        let settlement = record.settlement
        let tokens = Spending.sum(Int64(settlement.inputTokens), Int64(settlement.outputTokens))
        let money = settlement.cost ?? 0
        // Nothing is spent by what was refused.
        guard tokens > 0 || money > 0 else { return }
        let day = admission.charge.map { Int64($0.day) } ?? admission.at.microseconds / 86_400_000_000
        let subjects = Subjects(
            day: day, key: key.low, application: application.low, organisation: organisation.low,
            endUser: admission.charge?.endUser)
        let sum: Sum = latest?.subjects == subjects ? latest?.sum ?? (0, 0) : (0, 0)
        if latest?.subjects != subjects { spread() }
        latest = (subjects, (Spending.sum(sum.tokens, tokens), Spending.sum(sum.money, money)))
    }

    /// Brings what came last into the sums of each of its subjects.
    private mutating func spread() {
        guard let (subjects, sum) = latest else { return }
        latest = nil
        add(sum, to: Key(day: subjects.day, scope: 0, subject: subjects.key))
        add(sum, to: Key(day: subjects.day, scope: 1, subject: subjects.application))
        add(sum, to: Key(day: subjects.day, scope: 2, subject: subjects.organisation))
        if let user = subjects.endUser { add(sum, to: Key(day: subjects.day, scope: 3, subject: user)) }
    }

    private mutating func add(_ sum: Sum, to key: Key) {
        let before: Sum = sums[key] ?? (0, 0)
        sums[key] = Self.sum(before, sum)
    }

    private static func sum(_ left: Sum, _ right: Sum) -> Sum {
        (Spending.sum(left.tokens, right.tokens), Spending.sum(left.money, right.money))
    }

    /// By day and by month.
    private consuming func rows() -> [StoredKey: Sum] {
        spread()
        var rows: [StoredKey: Sum] = [:]
        for (key, sum) in sums {
            let start = Timestamp(microseconds: key.day * 86_400_000_000)
            for period in [Day(containing: start).description, Month(containing: start).description] {
                let row = StoredKey(period: period, scope: key.scope, subject: key.subject)
                rows[row] = Self.sum(rows[row] ?? (0, 0), sum)
            }
        }
        return rows
    }

    func save(in transaction: any Transaction) throws {
        // In one order for all processes: two that change the same rows then wait, and don't block one another.
        let ordered = rows().sorted {
            ($0.key.period, $0.key.scope, $0.key.subject) < ($1.key.period, $1.key.scope, $1.key.subject)
        }
        for (row, sum) in ordered {
            try transaction.execute(
                """
                INSERT INTO spending (period, scope, subject, tokens, money)
                VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (period, scope, subject) DO UPDATE SET
                    tokens = CASE WHEN spending.tokens > $6 THEN $6 ELSE spending.tokens + excluded.tokens END,
                    money = CASE WHEN spending.money > $6 THEN $6 ELSE spending.money + excluded.money END
                """,
                [
                    row.period, Int(row.scope), Int64(bitPattern: row.subject), sum.tokens, sum.money, Spending.sumMax,
                ])
        }
    }
}

extension RecordStore {
    /// What was spent on the day that begins at `start` and in its month: at most `limit` rows, those of end users last.
    ///
    /// - Returns: the rows, and whether they are all that there are.
    package func spending(on start: Timestamp, limit: Int) async throws -> (rows: [Spending], isWhole: Bool) {
        let (day, month) = (Day(containing: start).description, Month(containing: start).description)
        return try await main.read { reader in
            let rows = try reader.query(
                """
                SELECT period, scope, subject, tokens, money
                FROM spending
                WHERE period = $1 OR period = $2
                ORDER BY scope
                LIMIT $3
                """, [day, month, limit + 1]
            ).map { row in
                let period: String = try row["period"]
                let scope: Int64 = try row["scope"]
                return Spending(
                    scope: UInt8(clamping: scope), subject: UInt64(bitPattern: try row["subject"]),
                    isOfDay: period == day, tokens: try row["tokens"], money: try row["money"])
            }
            return (Array(rows.prefix(limit)), rows.count <= limit)
        }
    }
}
