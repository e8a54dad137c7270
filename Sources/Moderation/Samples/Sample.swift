internal import Foundation
package import Storage

package enum SampleKind: IdentifierKind { package static let prefix = "smp" }
package typealias SampleID = Identifier<SampleKind>

/// A text that people judge, with what the filter saw in it.
package struct Sample: Sendable, Hashable {
    /// Something that a rule found.
    package struct Finding: Sendable, Hashable, Codable {
        package var rule: String
        package var category: String
        package var clause: String?
        package var verdict: String
        package var score: Double
        /// UTF-8 offsets in the text; equal where its place is not known.
        package var start: Int
        package var end: Int

        package init(
            rule: String, category: String, clause: String?, verdict: String, score: Double, start: Int, end: Int
        ) {
            (self.rule, self.category, self.clause, self.verdict) = (rule, category, clause, verdict)
            (self.score, self.start, self.end) = (score, start, end)
        }
    }

    package var id: SampleID
    package var record: RecordID
    package var at: Timestamp
    package var application: ApplicationID
    package var stage: Int
    /// `prompt` or `completion`.
    package var side: String
    /// Why it was drawn: `found`, `unsure` or `random`.
    package var reason: String
    /// How likely a text such as this one was drawn.
    package var probability: Double
    /// The filter's, by its raw value.
    package var verdict: Int
    package var findings: [Finding]
    /// What the classifier said, by category, from 0 to 1.
    package var scores: [String: Double]
    /// Whether there was more of the text.
    package var isCut: Bool

    package init(
        id: SampleID, record: RecordID, at: Timestamp, application: ApplicationID, stage: Int, side: String,
        reason: String, probability: Double, verdict: Int, findings: [Finding], scores: [String: Double], isCut: Bool
    ) {
        (self.id, self.record, self.at, self.application, self.stage) = (id, record, at, application, stage)
        (self.side, self.reason, self.probability, self.verdict) = (side, reason, probability, verdict)
        (self.findings, self.scores, self.isCut) = (findings, scores, isCut)
    }

    /// The categories that something was found of.
    package var categories: [String] { Set(findings.map(\.category)).sorted() }
}

/// What a reviewer says of one category in one sample.
package struct SampleLabel: Sendable, Hashable {
    package enum Judgement: String, Sendable, Hashable, CaseIterable, SQLValueConvertible {
        /// The text is of the category.
        case yes
        case no
        case unsure
        /// Nobody has to say why.
        case declined
    }

    package var sample: SampleID
    package var category: String
    package var reviewer: String
    package var judgement: Judgement
    package var at: Timestamp

    package init(sample: SampleID, category: String, reviewer: String, judgement: Judgement, at: Timestamp) {
        (self.sample, self.category, self.reviewer) = (sample, category, reviewer)
        (self.judgement, self.at) = (judgement, at)
    }
}

extension Sample {
    init(row: Row) throws {
        id = try row["id"]
        record = try row["record"]
        at = try row["at"]
        application = try row["application"]
        stage = try row["stage"]
        side = try row["side"]
        reason = try row["reason"]
        probability = try row["probability"]
        verdict = try row["verdict"]
        findings = try SampleJSON.decode(try row["findings"])
        scores = try SampleJSON.decode(try row["scores"])
        isCut = try row["is_cut"]
    }
}

extension SampleLabel {
    init(row: Row) throws {
        self.init(
            sample: try row["sample"], category: try row["category"], reviewer: try row["reviewer"],
            judgement: try row["judgement"], at: try row["at"])
    }
}

/// Columns that are JSON.
enum SampleJSON {
    static func encode(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    static func decode<Value: Decodable>(_ text: String) throws -> Value {
        try JSONDecoder().decode(Value.self, from: Data(text.utf8))
    }
}
