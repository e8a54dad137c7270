internal import Storage

/// Joins admissions and settlements; holds what is not settled yet, so as much as there are requests in flight.
struct OpenExchanges: Sendable {
    private struct Opening: Sendable {
        var admission: Admission
        var at: JournalOffset
        /// Stands in the store too, so its segment may go.
        var isParked: Bool
    }

    private var openings: [RecordID: Opening] = [:]

    var count: Int { openings.count }

    /// Takes in what the store had parked.
    mutating func restore(_ admission: Admission) {
        openings[admission.record] = Opening(
            admission: admission, at: JournalOffset(segment: 0, byte: 0), isParked: true)
    }

    enum Effect {
        case none
        case record(Record, wasParked: Bool)
        /// A settlement without an admission: the disk had refused that.
        case orphan
    }

    mutating func take(_ frame: Frame, at offset: JournalOffset) -> Effect {
        switch frame {
        case .admission(let admission):
            if openings[admission.record] == nil {
                openings[admission.record] = Opening(admission: admission, at: offset, isParked: false)
            }
            return .none
        case .refused(let admission, let settlement):
            return .record(Record(admission: admission, settlement: settlement), wasParked: false)
        case .settlement(let settlement):
            guard let opening = openings.removeValue(forKey: settlement.record) else { return .orphan }
            return .record(
                Record(admission: opening.admission, settlement: settlement), wasParked: opening.isParked)
        case .lost(let record, let at):
            guard let opening = openings.removeValue(forKey: record) else { return .orphan }
            return .record(
                Record(interrupted: opening.admission, lostAt: at), wasParked: opening.isParked)
        }
    }

    /// Removes all, as records of exchanges that a restart interrupted.
    mutating func interruptAll() -> (records: [Record], parked: [RecordID]) {
        let all = openings.values.sorted { $0.admission.record < $1.admission.record }
        openings.removeAll()
        return (
            all.map { Record(interrupted: $0.admission) }, all.filter(\.isParked).map(\.admission.record)
        )
    }

    /// The oldest place that replay has to see again; `nil` if there is none.
    var replayFrom: JournalOffset? {
        openings.values.lazy.filter { !$0.isParked }.map(\.at).min()
    }

    /// Marks as parked, and returns, the admissions in segments before `segment`.
    mutating func park(before segment: UInt32) -> [Admission] {
        var parked: [Admission] = []
        for (id, opening) in openings where !opening.isParked && opening.at.segment < segment {
            openings[id]?.isParked = true
            parked.append(opening.admission)
        }
        return parked
    }
}
