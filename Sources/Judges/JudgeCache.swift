internal import Crypto
internal import Snapshots

/// What a judge said of texts not long ago, by a digest of the question: no text is kept.
///
/// Two generations of half the entries each: what is asked for again moves to the younger one, and the older is dropped when
/// that is full. So the memory is bounded, and what is forgotten was not asked for of late.
package final class JudgeCache: Sendable {
    /// Of a question and all that its answer depends on.
    package struct Key: Sendable, Hashable {
        private let digest: [UInt8]

        /// - Parameter clauses: that are asked about, in order.
        package init(_ question: JudgeQuestion, about clauses: [JudgedClause], by judge: Judge) {
            var hash = SHA256()
            func add(_ part: some Sequence<UInt8>) {
                let part = Array(part)
                withUnsafeBytes(of: UInt64(part.count).littleEndian) { hash.update(bufferPointer: $0) }
                part.withUnsafeBytes { hash.update(bufferPointer: $0) }
            }
            add(judge.form.rawValue.utf8)
            add((judge.model ?? "").utf8)
            add(judge.language.utf8)
            add("\(judge.threshold)".utf8)
            add(question.side.name.utf8)
            for clause in clauses {
                for part in [clause.id, clause.title, clause.text, clause.category.rawValue] { add(part.utf8) }
                for list in [clause.meant, clause.notMeant, clause.categories.map(\.id.rawValue)] {
                    add("\(list.count)".utf8)
                    for part in list { add(part.utf8) }
                }
            }
            add(question.prompt)
            add(question.text)
            digest = Array(hash.finalize())
        }
    }

    private struct Entry: Sendable {
        let findings: [JudgeFinding]
        /// Nanoseconds of whatever clock the caller has.
        let until: Int64
    }

    private struct Generations: Sendable {
        var young: [Key: Entry] = [:]
        var old: [Key: Entry] = [:]
    }

    private let generations = Lock(Generations())
    private let halfMax: Int
    private let nanoseconds: Int64

    /// - Parameter entries: 0 keeps nothing.
    package init(entries: Int, time: Duration) {
        halfMax = entries / 2
        let (seconds, attoseconds) = time.components
        nanoseconds = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }

    package func findings(for key: Key, at now: Int64) -> [JudgeFinding]? {
        generations.withLock { generations in
            if let entry = generations.young[key] { return entry.until > now ? entry.findings : nil }
            guard let entry = generations.old.removeValue(forKey: key), entry.until > now else { return nil }
            Self.keep(entry, for: key, halfMax, in: &generations)
            return entry.findings
        }
    }

    package func keep(_ findings: [JudgeFinding], for key: Key, at now: Int64) {
        guard halfMax > 0 else { return }
        let entry = Entry(findings: findings, until: now + nanoseconds)
        generations.withLock { Self.keep(entry, for: key, halfMax, in: &$0) }
    }

    private static func keep(_ entry: Entry, for key: Key, _ halfMax: Int, in generations: inout Generations) {
        generations.young[key] = entry
        guard generations.young.count >= halfMax else { return }
        generations.old = generations.young
        generations.young = [:]
    }

    /// How many are kept.
    package var count: Int { generations.withLock { $0.young.count + $0.old.count } }
}
