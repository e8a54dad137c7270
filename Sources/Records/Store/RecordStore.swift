package import Storage

/// Which records to show; what is `nil` does not matter.
package struct RecordFilter: Sendable, Hashable {
    package var application: ApplicationID?
    package var model: String?
    package var outcome: Outcome?

    package init(application: ApplicationID? = nil, model: String? = nil, outcome: Outcome? = nil) {
        self.application = application
        self.model = model
        self.outcome = outcome
    }
}

/// The records and the daily usage. Reads work beside a running server, also from another process.
package struct RecordStore: Sendable {
    package let main: any Database
    package let partitions: any RecordPartitions

    /// `main` needs ``RecordMigrations/main``.
    package init(main: any Database, partitions: any RecordPartitions) {
        self.main = main
        self.partitions = partitions
    }

    /// The record of an exchange that has ended.
    package func record(_ id: RecordID) async throws -> Record? {
        try await find(id)?.record
    }

    /// Records in the order in which they were settled: the last `limit` of all, or the next `limit` after a known one.
    ///
    /// To follow, pass the id of the last record shown.
    package func tail(
        after id: RecordID? = nil, limit: Int, filter: RecordFilter = RecordFilter()
    ) async throws -> [Record] {
        guard let id else { return try await latest(limit: limit, filter: filter) }
        let known = try await find(id)
        let stores =
            if let known { Array(known.stores) } else {
                try await partitions.stores(from: Month(containing: id.time))
            }
        var records: [Record] = []
        for (index, store) in stores.enumerated() where records.count < limit {
            let sequence = index == 0 ? known?.sequence ?? 0 : 0
            let rest = limit - records.count
            records += try await store.read { reader in
                try RecordRows.after(sequence, limit: rest, filter: filter, in: reader)
            }
        }
        return records
    }

    private func latest(limit: Int, filter: RecordFilter) async throws -> [Record] {
        var records: [Record] = []
        for store in try await partitions.stores(from: nil).reversed() where records.count < limit {
            let rest = limit - records.count
            records += try await store.read { try RecordRows.latest(limit: rest, filter: filter, in: $0) }
        }
        return records.reversed()
    }

    /// With the stores of that record and of later ones.
    private func find(
        _ id: RecordID
    ) async throws -> (record: Record, sequence: Int64, stores: ArraySlice<any Database>)? {
        // A record is in the month in which it was settled: its id's, or seldom a later one.
        let stores = try await partitions.stores(from: Month(containing: id.time))
        for (index, store) in stores.enumerated() {
            if let (record, sequence) = try await store.read({ try RecordRows.record(id, in: $0) }) {
                return (record, sequence, stores[index...])
            }
        }
        return nil
    }
}
