import Filtering
import Guidelines

private let categories: Taxonomy = {
    guard let shipped = try? Taxonomy.shipped() else { preconditionFailure("The shipped categories are bad.") }
    return shipped
}()

func fuzzRules(_ input: [UInt8]) {
    do throws(RuleProblems) {
        let rules = try RuleFile.rules(
            files: [("fuzz.yaml", String(decoding: input, as: UTF8.self))], categories: categories)
        precondition(Set(rules.map(\.id)).count == rules.count, "Two rules have one id.")
    } catch {
        precondition(!error.problems.isEmpty, "A file is refused for nothing.")
        precondition(error.problems.allSatisfy { $0.line > 0 }, "A problem stands nowhere.")
    }
}

func fuzzGuidelines(_ input: [UInt8]) {
    do throws(GuidelineProblems) {
        let guidelines = try Guidelines(yaml: String(decoding: input, as: UTF8.self), file: "fuzz.yaml")
        precondition(
            Set(guidelines.clauses.map(\.id)).count == guidelines.clauses.count, "Two clauses have one id.")
    } catch {
        precondition(!error.problems.isEmpty, "Guidelines are refused for nothing.")
    }
}
