import Filtering
import Foundation
import Guidelines
import Testing

@Suite("The shipped guidelines")
struct ShippedGuidelinesTests {
    static let stable = [
        "spam", "fraud-and-phishing", "malware", "astroturfing", "crime", "elections", "harassment-and-hate",
        "defamation",
        "violence-and-weapons", "self-harm", "sexual-content-minors", "sexual-content", "privacy",
        "credentials-and-secrets", "circumventing-safeguards", "intellectual-property", "undisclosed-automation",
        "profiling-protected-characteristics", "social-scoring", "automated-decisions-high-stakes",
        "policing-and-migration", "critical-infrastructure", "health", "law", "finance", "employment", "education",
        "essential-services", "minors", "companionship",
    ]

    @Test("keep every id that was ever published, since refusals link to it")
    func ids() throws {
        let guidelines = try Guidelines.shipped()
        for id in Self.stable { #expect(guidelines.clause(id)?.anchor == "#\(id)") }
        #expect(guidelines.clauses.count == Self.stable.count, "Add the new clause's id to the list.")
    }

    @Test("say for each clause how it is enforced, or why not, and show examples of both kinds")
    func complete() throws {
        for clause in try Guidelines.shipped().clauses {
            #expect(clause.enforcement.isEmpty == (clause.whyNotEnforced != nil), "\(clause.id)")
            #expect(!clause.meant.isEmpty && !clause.notMeant.isEmpty, "\(clause.id)")
            #expect(clause.text.utf8.count > 150, "\(clause.id) says too little.")
        }
        #expect(Set(try Guidelines.shipped().clauses.map(\.kind)) == Set(Clause.Kind.allCases))
    }

    @Test("have a verdict for all that the rules find, on both sides and in both stages")
    func covered() throws {
        let guidelines = try Guidelines.shipped()
        for category in Set(try ShippedRules.load().map(\.category)) {
            for side in Side.allCases {
                for isSandbox in [true, false] {
                    let found = guidelines.enforcement(for: category, side: side, isSandbox: isSandbox)
                    let clause = try #require(found?.clause.flatMap(guidelines.clause), "\(category)")
                    #expect(clause.enforcement.contains { $0.categories.contains { $0.covers(category) } })
                }
            }
        }
    }

    @Test(
        "decide as agreed",
        arguments: [
            ("pii.card", Verdict.redact, Verdict.redact), ("pii.national_id", .redact, .redact),
            ("pii.email", .allow, .flag), ("pii.iban", .flag, .flag), ("pii.invented", .flag, .flag),
            ("secret.private_key", .block, .block), ("secret.api_key", .redact, .redact),
            ("secret.invented", .redact, .redact), ("secret.password", .flag, .flag), ("jailbreak", .flag, .flag),
            ("illicit.malware", .block, .block), ("sexual.minors", .block, .block), ("phishing", .block, .block),
            ("self_harm.instructions", .flag, .block),
        ])
    func verdicts(category: String, prompt: Verdict, completion: Verdict) throws {
        let guidelines = try Guidelines.shipped()
        for isSandbox in [true, false] {
            #expect(
                guidelines.enforcement(for: Category(category), side: .prompt, isSandbox: isSandbox)?.verdict == prompt)
            #expect(
                guidelines.enforcement(for: Category(category), side: .completion, isSandbox: isSandbox)?.verdict
                    == completion)
        }
    }

    @Test("name only categories of the filter's taxonomy")
    func catalogue() throws {
        let known = Set(try Taxonomy.shipped().entries.map(\.id.rawValue))
        _ = try Guidelines(yaml: Guidelines.shippedYAML, file: "guidelines.yaml", knownCategories: known)
    }

    @Test("write JSON that holds all of it")
    func json() throws {
        let guidelines = try Guidelines.shipped()
        let bytes = guidelines.json()
        #expect(bytes == (try Guidelines.shipped().json()))
        let root = try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
        #expect(root["version"] as? String == guidelines.version)
        #expect(root["published"] as? String == guidelines.published)
        let clauses = try #require(root["clauses"] as? [[String: Any]])
        #expect(clauses.compactMap { $0["id"] as? String } == guidelines.clauses.map(\.id))
        for (written, clause) in zip(clauses, guidelines.clauses) {
            #expect(written["anchor"] as? String == "#" + clause.id)
            #expect(written["text"] as? String == clause.text)
            #expect(written["kind"] as? String == clause.kind.rawValue)
            #expect(written["why_not_enforced"] as? String == clause.whyNotEnforced)
            let entries = try #require(written["enforcement"] as? [[String: Any]])
            #expect(entries.map { $0["prompt"] as? String } == clause.enforcement.map(\.prompt.name))
            #expect(
                entries.map { $0["categories"] as? [String] }
                    == clause.enforcement.map { $0.categories.map(\.rawValue) })
            let examples = try #require(written["examples"] as? [String: [String]])
            #expect(examples == ["meant": clause.meant, "not_meant": clause.notMeant])
        }
    }
}
