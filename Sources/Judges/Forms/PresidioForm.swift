internal import Filtering
internal import JSON

/// Presidio's analyzer: `{"text", "language"}` in, `[{"entity_type", "start", "end", "score"}]` out, in characters.
///
/// Source: Presidio's API reference and list of supported entities.
struct PresidioForm: JudgeDialect {
    let judge: Judge

    private static let categories = [
        "CREDIT_CARD": "pii.card", "EMAIL_ADDRESS": "pii.email", "IBAN_CODE": "pii.iban", "IP_ADDRESS": "pii.ip",
        "LOCATION": "pii.address", "PERSON": "pii.name", "PHONE_NUMBER": "pii.phone",
    ]
    /// Entities that begin with a country are numbers of that state, but for those of banks.
    private static let countries: Set<String> = [
        "AU", "DE", "ES", "FI", "IN", "IT", "KR", "NG", "PL", "SE", "SG", "TH", "UK", "US",
    ]

    /// All that it can find.
    static let known = Set(categories.values.map { Category($0) }).union([Category("pii.national_id")])

    func requests(_ question: JudgeQuestion, _ clauses: [JudgedClause]) -> [JudgeRequest] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("text" as StaticString)
            writer.string(utf8: question.text)
            writer.key("language" as StaticString)
            writer.string(judge.language)
            writer.key("score_threshold" as StaticString)
            writer.double(judge.threshold)
        }
        return [JudgeRequest(path: "/analyze", body: writer.bytes, clauses: clauses)]
    }

    func findings(
        in answer: JSONDocument, to request: JudgeRequest, _ question: JudgeQuestion
    ) throws(JudgeFailure) -> [JudgeFinding] {
        guard answer.kind(answer.root) == .array else { throw .malformed("no list of entities") }
        let places = CharacterPlaces(question.text)
        var findings: [JudgeFinding] = []
        for entity in answer.elements(of: answer.root) {
            guard let type = answer.member("entity_type", of: entity).flatMap(answer.string),
                let score = answer.member("score", of: entity)
            else { throw .malformed("an entity without type or score") }
            guard let category = Self.category(type) else { continue }
            let range = try places.range(of: entity, in: answer)
            findings.append(JudgeFinding(category, score: try answer.share(score), range: range))
        }
        return findings
    }

    /// `nil` for what is no personal data by itself, such as a date.
    static func category(_ type: String) -> Category? {
        if let known = categories[type] { return Category(known) }
        guard let country = type.split(separator: "_").first, countries.contains(String(country)) else { return nil }
        return type.contains("BANK") ? nil : Category("pii.national_id")
    }
}

/// Where the characters of a text stand that judges count: Unicode scalars.
struct CharacterPlaces {
    /// The byte at which each begins, and where the text ends.
    private let starts: [Int]

    init(_ text: [UInt8]) {
        starts = text.indices.filter { text[$0] & 0xC0 != 0x80 } + [text.count]
    }

    /// `start` and `end` of an object.
    func range(of node: JSONNode, in answer: JSONDocument) throws(JudgeFailure) -> Range<Int> {
        guard let start = answer.member("start", of: node).flatMap(answer.int),
            let end = answer.member("end", of: node).flatMap(answer.int), starts.indices.contains(start),
            starts.indices.contains(end), start < end
        else { throw .malformed("a place outside the text") }
        return starts[start]..<starts[end]
    }
}
