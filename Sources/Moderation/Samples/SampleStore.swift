package import Storage

/// All SQL about samples and what reviewers say of them.
package struct SampleStore: Sendable {
    let database: any Database

    package init(database: any Database) { self.database = database }

    /// Keeps samples with their texts, as far as there is room.
    ///
    /// - Parameter countMax: how many texts there may be.
    /// - Returns: how many were kept: those that came first.
    package func add(
        _ samples: [(sample: Sample, text: [UInt8])], under seal: SampleSeal, countMax: Int
    ) async throws -> Int {
        let rows = try samples.map { sample, text in
            (
                sample, try SampleJSON.encode(sample.findings), try SampleJSON.encode(sample.scores),
                try seal.seal(text, of: sample.id)
            )
        }
        return try await database.write { transaction in
            let count: Int =
                try transaction.query("SELECT count(*) AS n FROM samples WHERE sealed IS NOT NULL").first?["n"] ?? 0
            let kept = rows.prefix(max(0, countMax - count))
            for (sample, findings, scores, sealed) in kept {
                try transaction.execute(
                    """
                    INSERT INTO samples (id, record, at, application, stage, side, reason, probability, verdict,
                        findings, scores, is_cut, sealed)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
                    ON CONFLICT (id) DO NOTHING
                    """,
                    [
                        sample.id, sample.record, sample.at, sample.application, sample.stage, sample.side,
                        sample.reason, sample.probability, sample.verdict, findings, scores, sample.isCut, sealed,
                    ])
            }
            return kept.count
        }
    }

    /// Those drawn since a moment, the latest first.
    package func list(since time: Timestamp = Timestamp(microseconds: 0), limit: Int) async throws -> [Sample] {
        try await database.read { reader in
            try reader.query(
                """
                SELECT id, record, at, application, stage, side, reason, probability, verdict, findings, scores, is_cut
                FROM samples
                WHERE at >= $1
                ORDER BY id DESC
                LIMIT $2
                """, [time, limit]
            ).map(Sample.init)
        }
    }

    /// Those before an id, the latest first.
    ///
    /// - Parameter reviewer: those alone that this one has not judged, and whose text is still there.
    func list(before id: SampleID, waitingFor reviewer: String?, limit: Int) async throws -> [Sample] {
        let condition = reviewer == nil ? "" : Self.waits
        let common: [any SQLValueConvertible] = [id, limit]
        let arguments = common + (reviewer.map { [$0] } ?? [])
        return try await database.read { reader in
            try reader.query(
                """
                SELECT id, record, at, application, stage, side, reason, probability, verdict, findings, scores, is_cut
                FROM samples
                WHERE id < $1 \(condition)
                ORDER BY id DESC
                LIMIT $2
                """, arguments
            ).map(Sample.init)
        }
    }

    /// Those behind an id that wait for a reviewer, the oldest first.
    func waiting(for reviewer: String, after id: SampleID, limit: Int) async throws -> [Sample] {
        try await database.read { try $0.query(Self.waiting, [id, limit, reviewer]).map(Sample.init) }
    }

    static let waiting = """
        SELECT id, record, at, application, stage, side, reason, probability, verdict, findings, scores, is_cut
        FROM samples
        WHERE id > $1 \(waits)
        ORDER BY id
        LIMIT $2
        """

    /// Whether a sample waits for the reviewer `$3`.
    private static let waits = """
        AND sealed IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM sample_labels WHERE sample = samples.id AND reviewer = $3)
        """

    package func find(_ id: SampleID) async throws -> Sample { try await state(of: id).sample }

    /// - Throws: `SampleError.unknown`; `StorageError`.
    package func state(of id: SampleID) async throws -> SampleState {
        try await database.read { try Self.state(of: id, in: $0) }
    }

    private static func state(of id: SampleID, in reader: any Reader) throws -> SampleState {
        let rows = try reader.query(
            """
            SELECT id, record, at, application, stage, side, reason, probability, verdict, findings, scores, is_cut,
                CASE WHEN sealed IS NULL THEN 0 ELSE 1 END AS has_text
            FROM samples
            WHERE id = $1
            """, [id])
        guard let row = rows.first else { throw SampleError.unknown(id) }
        let labels = try reader.query(
            """
            SELECT sample, category, reviewer, judgement, at
            FROM sample_labels
            WHERE sample = $1
            ORDER BY category, reviewer
            """, [id]
        ).map(SampleLabel.init)
        return SampleState(sample: try Sample(row: row), labels: labels, hasText: try row["has_text"])
    }

    /// - Throws: `SampleError`; `StorageError`.
    package func text(of id: SampleID, under seal: SampleSeal) async throws -> [UInt8] {
        let rows = try await database.read { try $0.query("SELECT sealed FROM samples WHERE id = $1", [id]) }
        guard let row = rows.first else { throw SampleError.unknown(id) }
        guard let sealed: [UInt8] = try row["sealed"] else { throw SampleError.textGone(id) }
        do {
            return try seal.open(sealed, of: id)
        } catch {
            throw SampleError.notOpened(id)
        }
    }

    /// Takes down what a reviewer says, in place of what the same one said before.
    package func label(_ label: SampleLabel) async throws {
        try await self.label(label.sample, [label]) { _ in }
    }

    /// Takes down what a reviewer says of some categories in one sample, all or nothing.
    ///
    /// - Parameter check: throws where the sample, as it is now, is no longer what was judged. Nobody changes it meanwhile.
    /// - Returns: the sample with the labels.
    @discardableResult
    func label(
        _ id: SampleID, _ labels: [SampleLabel], if check: @escaping @Sendable (SampleState) throws -> Void
    ) async throws -> SampleState {
        for label in labels { try Self.checkReviewer(label.reviewer) }
        return try await database.write { transaction in
            try check(try Self.state(of: id, in: transaction))
            for label in labels {
                try transaction.execute(
                    """
                    INSERT INTO sample_labels (sample, category, reviewer, judgement, at)
                    VALUES ($1, $2, $3, $4, $5)
                    ON CONFLICT (sample, category, reviewer) DO UPDATE
                    SET judgement = excluded.judgement, at = excluded.at
                    """, [id, label.category, label.reviewer, label.judgement, label.at])
            }
            return try Self.state(of: id, in: transaction)
        }
    }

    private static func checkReviewer(_ reviewer: String) throws(SampleError) {
        let name = reviewer.unicodeScalars
        guard (1...64).contains(name.count), !name.contains(where: isHidden),
            name.first?.properties.isWhitespace == false, name.last?.properties.isWhitespace == false
        else { throw .invalidReviewer }
    }

    /// Whether a character shows nothing itself.
    private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned: true
        default: scalar.properties.isDefaultIgnorableCodePoint
        }
    }

    /// All that was said of samples drawn since a moment.
    package func labels(since time: Timestamp = Timestamp(microseconds: 0)) async throws -> [SampleLabel] {
        try await database.read { reader in
            try reader.query(
                """
                SELECT sample, category, reviewer, judgement, sample_labels.at AS at
                FROM sample_labels
                JOIN samples ON samples.id = sample_labels.sample
                WHERE samples.at >= $1
                ORDER BY sample, category, reviewer
                """, [time]
            ).map(SampleLabel.init)
        }
    }

    /// What was said of samples between two, with them.
    func labels(from first: SampleID, through last: SampleID) async throws -> [SampleLabel] {
        try await database.read { reader in
            try reader.query(
                """
                SELECT sample, category, reviewer, judgement, at
                FROM sample_labels
                WHERE sample >= $1 AND sample <= $2
                ORDER BY sample, category, reviewer
                """, [first, last]
            ).map(SampleLabel.init)
        }
    }

    /// Erases the texts of samples drawn before a moment; of those that nobody has judged, everything.
    ///
    /// - Returns: how many texts were erased.
    @discardableResult
    package func forget(before time: Timestamp) async throws -> Int {
        try await forget("at < $1", [time])
    }

    /// The same of one sample.
    package func forget(_ id: SampleID) async throws {
        _ = try await find(id)
        try await forget("id = $1", [id])
    }

    @discardableResult
    private func forget(_ condition: String, _ arguments: [any SQLValueConvertible]) async throws -> Int {
        try await database.write { transaction in
            let count = try transaction.execute(
                "UPDATE samples SET sealed = NULL WHERE sealed IS NOT NULL AND \(condition)", arguments)
            try transaction.execute(
                """
                DELETE FROM samples
                WHERE \(condition) AND NOT EXISTS (SELECT 1 FROM sample_labels WHERE sample = samples.id)
                """, arguments)
            return count
        }
    }
}
