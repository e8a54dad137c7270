internal import Filtering

/// What a simulation found, for people and programs.
struct SimulationReport: Encodable {
    enum Source {
        case texts, records
    }

    struct Change: Encodable {
        let clause: String?
        let group: String
        let label: String
        let side: String
        let before: String
        let after: String
        let count: Int
    }

    struct Group: Encodable {
        let group: String
        let label: String
        let count: Int
        let before: [String: Int]
        let after: [String: Int]
    }

    /// How many were judged: texts, or sides of exchanges.
    let judged: Int
    let changed: Int
    /// Of what was judged, the share that still had its text.
    let withText: Double
    let changes: [Change]
    let groups: [Group]

    init(_ tally: SimulationTally, of source: Source) {
        judged = tally.texts
        changed = tally.changed
        withText = source == .texts ? 1 : 0
        changes = tally.changes.map { change, count in
            Change(
                clause: change.clause, group: change.group, label: change.label, side: change.side.name,
                before: change.before.name, after: change.after.name, count: count)
        }.sorted { ($1.count, $0.clause ?? "", $0.group, $0.label) < ($0.count, $1.clause ?? "", $1.group, $1.label) }
        groups = tally.verdicts.map { group, counts in
            func named(_ counts: [Verdict: Int]) -> [String: Int] {
                Dictionary(uniqueKeysWithValues: counts.map { ($0.key.name, $0.value) })
            }
            return Group(
                group: group.name, label: group.label, count: counts.texts, before: named(counts.before),
                after: named(counts.after))
        }.sorted { ($0.group, $0.label) < ($1.group, $1.label) }
    }

    private enum CodingKeys: String, CodingKey {
        case judged, changed, changes, groups
        case withText = "with_text"
    }

    var text: String {
        var parts = ["\(judged) judged, \(changed) otherwise than now (\(Self.percent(changed, of: judged))).\n"]
        if withText == 0 {
            parts.append(
                "None of it has its text any more: what was found then is judged anew, and what new rules or words would "
                    + "find can't be told.\n")
        }
        if !changes.isEmpty {
            var table = Table(["CLAUSE", "GROUP", "LABEL", "SIDE", "NOW", "THEN", "COUNT"], rightAligned: ["COUNT"])
            for change in changes {
                table.add([
                    change.clause ?? "none", change.group, change.label, change.side, change.before, change.after,
                    "\(change.count)",
                ])
            }
            parts.append(table.text)
        }
        let verdicts = [Verdict.flag, .redact, .block]
        let numbers = ["COUNT"] + verdicts.map { $0.name.uppercased() }
        var table = Table(["GROUP", "LABEL"] + numbers, rightAligned: Set(numbers))
        for group in groups {
            let shares = verdicts.map { verdict in
                let (now, then) = (group.before[verdict.name] ?? 0, group.after[verdict.name] ?? 0)
                let share = Self.percent(now, of: group.count)
                return now == then ? share : "\(share) → \(Self.percent(then, of: group.count))"
            }
            table.add([group.group, group.label, "\(group.count)"] + shares)
        }
        if !groups.isEmpty { parts.append(table.text) }
        return parts.joined(separator: "\n")
    }

    /// With one digit behind the point.
    private static func percent(_ part: Int, of whole: Int) -> String {
        guard whole > 0 else { return "0.0 %" }
        let tenths = (part * 1_000 + whole / 2) / whole
        return "\(tenths / 10).\(tenths % 10) %"
    }
}
