internal import Storage

/// How far the store has followed one journal. Source of *exactly once*: it changes only in the transaction that adds
/// the usage of the frames before it.
struct RecordProgress: Sendable, Hashable {
    /// Every frame before this is in the records and in the usage.
    var done: JournalOffset
    /// Where replay begins, to see the open admissions again.
    var replay: JournalOffset

    static let start = RecordProgress(
        done: JournalOffset(segment: 0, byte: 0), replay: JournalOffset(segment: 0, byte: 0))

    static func load(_ journal: String, in reader: any Reader) throws -> Self {
        let rows = try reader.query(
            """
            SELECT segment, byte, replay_segment, replay_byte
            FROM record_progress
            WHERE journal = $1
            """, [journal])
        let progress = try rows.first.map { row in
            RecordProgress(
                done: try offset(row, "segment", "byte"), replay: try offset(row, "replay_segment", "replay_byte"))
        }
        return progress ?? .start
    }

    /// The admissions that are open although their segment may be gone.
    static func parked(_ journal: String, in reader: any Reader) throws -> [Admission] {
        try reader.query("SELECT admission FROM record_openings WHERE journal = $1", [journal]).map {
            try decode(try $0["admission"])
        }
    }

    func save(_ journal: String, in transaction: any Transaction) throws {
        try transaction.execute(
            """
            INSERT INTO record_progress (journal, segment, byte, replay_segment, replay_byte)
            VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (journal) DO UPDATE SET
                segment = excluded.segment,
                byte = excluded.byte,
                replay_segment = excluded.replay_segment,
                replay_byte = excluded.replay_byte
            """, [journal, Int(done.segment), done.byte, Int(replay.segment), replay.byte])
    }

    static func park(_ admission: Admission, of journal: String, in transaction: any Transaction) throws {
        var buffer = FrameBuffer()
        buffer.append(admission)
        buffer.seal()
        try transaction.execute(
            """
            INSERT INTO record_openings (id, journal, admission)
            VALUES ($1, $2, $3)
            ON CONFLICT (id) DO NOTHING
            """, [admission.record, journal, Array(buffer.bytes.prefix(buffer.used))])
    }

    static func unpark(_ record: RecordID, in transaction: any Transaction) throws {
        try transaction.execute("DELETE FROM record_openings WHERE id = $1", [record])
    }

    private static func offset(_ row: Row, _ segment: String, _ byte: String) throws -> JournalOffset {
        let number: Int = try row[segment]
        return JournalOffset(segment: UInt32(clamping: number), byte: try row[byte])
    }

    private static func decode(_ bytes: [UInt8]) throws -> Admission {
        guard case .admission(let admission) = bytes.withUnsafeBytes({ FrameDecoder.frame(in: $0, at: 0)?.frame })
        else { throw StorageError.corrupt("an open admission can't be read") }
        return admission
    }
}
