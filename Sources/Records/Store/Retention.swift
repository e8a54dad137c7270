package import Storage

/// How long records and usage are kept, in days.
package struct Retention: Sendable, Hashable {
    package var recordDays: Int
    package var usageDays: Int

    package init(recordDays: Int = 92, usageDays: Int = 800) {
        self.recordDays = recordDays
        self.usageDays = usageDays
    }

    /// The oldest moment of which records are kept.
    func recordsFrom(at time: Timestamp) -> Timestamp {
        time.adding(.seconds(-86_400 * recordDays))
    }
}

extension RecordStore {
    /// Drops the months whose every record is older than retention allows, and old usage; returns the months.
    ///
    /// Whole months go, so a record may be kept for up to a month longer than its days.
    @discardableResult
    package func drop(outside retention: Retention, at time: Timestamp) async throws -> [Month] {
        let recordsFrom = retention.recordsFrom(at: time)
        var dropped: [Month] = []
        for month in try await partitions.months() where month.end <= recordsFrom {
            try await partitions.drop(month)
            dropped.append(month)
        }
        let usageFrom = Day(containing: time.adding(.seconds(-86_400 * retention.usageDays)))
        try await main.write { transaction in
            _ = try transaction.execute("DELETE FROM usage_days WHERE day < $1", [usageFrom.description])
            try Spending.drop(at: time, in: transaction)
        }
        return dropped
    }
}
