internal import Access
internal import Filtering
internal import Gateway
internal import Records
internal import Storage

/// What one text, or one side of an exchange, comes to under two policies.
struct SimulatedChange: Sendable, Hashable {
    /// What the line, or the application, belongs to; empty where nothing says so.
    var group: String
    var label: String
    var side: Side
    var before: Verdict
    var after: Verdict
    /// Of what decides on the stricter of both; `nil` where no clause does.
    var clause: String?
}

/// How often verdicts change from one policy to another.
struct SimulationTally: Sendable {
    struct Group: Sendable, Hashable {
        var name: String
        var label: String
    }

    private(set) var texts = 0
    private(set) var changed = 0
    /// All that is judged otherwise.
    private(set) var changes: [SimulatedChange: Int] = [:]
    /// How many had each verdict before and have it after.
    private(set) var verdicts: [Group: (texts: Int, before: [Verdict: Int], after: [Verdict: Int])] = [:]

    mutating func add(_ change: SimulatedChange) {
        texts += 1
        var counts = verdicts[Group(name: change.group, label: change.label)] ?? (0, [:], [:])
        counts.texts += 1
        counts.before[change.before, default: 0] += 1
        counts.after[change.after, default: 0] += 1
        verdicts[Group(name: change.group, label: change.label)] = counts
        guard change.before != change.after else { return }
        changed += 1
        changes[change, default: 0] += 1
    }
}

/// Judges texts under two policies.
struct PolicyComparison {
    private let before: TextScanner
    private let after: TextScanner

    init(_ before: ScanPlan, _ after: ScanPlan) {
        (self.before, self.after) = (TextScanner(before), TextScanner(after))
    }

    func change(of line: ScanLine) -> SimulatedChange {
        let (old, new) = (before.judge(line), after.judge(line))
        return SimulatedChange(
            group: line.group ?? "", label: line.label ?? "", side: line.role.side, before: old.verdict,
            after: new.verdict, clause: Self.clause(old, new))
    }

    private static func clause(_ old: Screening, _ new: Screening) -> String? {
        let deciding = new.verdict.rawValue >= old.verdict.rawValue ? new : old
        return deciding.findings.first { $0.verdict == deciding.verdict }?.clause
    }
}

/// Judges anew what records say was found. A record has no text: what other rules would find in it can't be told.
struct RecordReplay {
    let policy: Policy
    private let rules: [String: Rule]

    init(_ policy: Policy) {
        self.policy = policy
        rules = Dictionary(policy.rules.rules.map { ($0.id, $0) }) { first, _ in first }
    }

    /// Of prompt and completion, as far as they were judged.
    func changes(of record: Record, group: String) -> [SimulatedChange] {
        let settlement = record.settlement
        return [
            (Side.prompt, record.admission.promptVerdict, record.admission.promptFindings),
            (Side.completion, settlement.completionVerdict, settlement.completionFindings),
        ].compactMap { side, verdict, findings in
            guard let before = Verdict(rawValue: verdict), before != .notEvaluated else { return nil }
            // What a judge has cleared stays cleared.
            let wasJudged = findings.contains { $0.rule.hasPrefix("judge/") && $0.verdict == Verdict.allow.rawValue }
            let judged = findings.compactMap { finding -> (Enforcement, FindingCount)? in
                let isCleared =
                    wasJudged && finding.verdict == Verdict.allow.rawValue && rules[finding.rule]?.score != nil
                return isCleared ? nil : enforcement(of: finding, side, record.admission).map { ($0, finding) }
            }
            let strictest = judged.max { $0.0.verdict.rawValue < $1.0.verdict.rawValue }
            let after = strictest?.0.verdict ?? .allow
            let old = findings.first { $0.verdict == verdict }?.clause
            return SimulatedChange(
                group: group, label: "", side: side, before: before, after: after,
                clause: after.rawValue >= before.rawValue ? strictest?.0.clause ?? old : old)
        }
    }

    /// What would follow from a finding; `nil` where nobody would find it any more.
    private func enforcement(of finding: FindingCount, _ side: Side, _ admission: Admission) -> Enforcement? {
        guard finding.verdict != Verdict.notEvaluated.rawValue else { return nil }
        let stage = admission.stage == 0 ? Stage.sandbox : .production
        let application = admission.application?.description
        if let rule = rules[finding.rule] {
            // It may have stood in what a tool brought.
            if side == .prompt, rule.category.rawValue != finding.category,
                let there = policy.enforcedInTools(rule, stage: stage, application: application)
            {
                return rule.limiting(there.enforcement).carriedOut
            }
            return policy.carriedOut(rule, side: side, stage: stage, application: application)
        }
        if let rule = Unjudged.rules.map(\.rule).first(where: { $0.id == finding.rule }) {
            return policy.enforcement(unjudged: rule, side: side, stage: stage, application: application)
        }
        // Of judges, categories are known. One who found nothing has said so.
        guard finding.rule.hasPrefix("judge/"), finding.verdict != Verdict.allow.rawValue else { return nil }
        var enforcement = policy.enforcement(
            of: Filtering.Category(finding.category), side: side, stage: stage, application: application)
        // Nobody says where in an answer it stands.
        if side == .completion, enforcement.verdict == .redact { enforcement.verdict = .flag }
        return enforcement
    }
}
