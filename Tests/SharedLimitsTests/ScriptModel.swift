@testable import SharedLimits

import Limits

/// What the script does, written a second time and plainly: the oracle of its tests, and Redis in those of the leases.
struct ScriptModel {
    struct Record {
        var sequence: Int64
        var expiry: Double
        var used: [LimitKind: Int] = [:]
        var held: [LimitKind: Int] = [:]
    }

    struct Subject {
        var at = 0.0
        var levels: [LimitKind: Double] = [:]
        var records: [String: Record] = [:]
    }

    var id: String?
    /// Microseconds.
    var latest = 0
    var lost = 0
    /// The latest time that each process was told.
    var told: [String: Int] = [:]
    var subjects: [LeaseKey: Subject] = [:]

    mutating func loseAll() { self = ScriptModel() }

    mutating func serve(
        _ call: LeaseCall, process: String, knows known: LeaseScript.DataSet, lifetime: Int, clock: Int
    ) -> (LeaseAnswer, LeaseScript.DataSet) {
        let now = max(clock, latest)
        let remembered = max(lost, known.id == id ? told[process] ?? 0 : 0)
        let isLost = known.id != "" && remembered < known.seen
        if isLost || id == nil {
            id = "\(process)-\(now)"
            lost = isLost ? now : 0
        }
        latest = now
        told[process] = now
        var answer = LeaseAnswer(subjects: [])
        for asked in call.subjects {
            var subject = subjects[asked.key] ?? Subject()
            answer.subjects.append(
                Self.serve(asked, &subject, process: process, lifetime: lifetime, now: Double(now), lost: Double(lost)))
            subjects[asked.key] = subject
        }
        return (answer, LeaseScript.DataSet(id: id ?? "", seen: now))
    }

    private static func serve(
        _ asked: LeaseCall.Subject, _ subject: inout Subject, process: String, lifetime: Int, now: Double, lost: Double
    ) -> LeaseAnswer.Subject {
        if let mine = subject.records[process], mine.sequence >= asked.sequence {
            let nothing = LeaseAnswer.Limit(held: 0, left: 0, wait: 0, level: 0)
            return LeaseAnswer.Subject(state: .late, limits: asked.asks.map { _ in nothing })
        }
        settleEnded(&subject, asked, now: now)
        let stored = subject.records[process]
        let isGone = asked.mode != .first && stored == nil
        let before = asked.mode == .first ? nil : stored
        let others = subject.records.filter { $0.key != process }.map(\.value)
        var mine = Record(sequence: asked.sequence, expiry: now + Double(lifetime))
        var answers: [LeaseAnswer.Limit] = []
        for var ask in asked.asks {
            let isRate = ask.kind != .concurrency
            if isGone, isRate { ask.reserved = 0 }
            let usedNow = isRate ? max(0, ask.used - (before?.used[ask.kind] ?? ask.used)) : 0
            if isRate {
                if lost > 0 {
                    let refilled = Double(ask.limit) * (now - lost) / Double((ask.kind.period ?? 1) / 1_000)
                    subject.levels[ask.kind] = max(subject.levels[ask.kind] ?? 0, Double(ask.limit) - refilled)
                }
                subject.levels[ask.kind, default: 0] += Double(usedNow + (asked.mode == .leaving ? ask.reserved : 0))
            }
            if asked.mode == .leaving { (ask.reserved, ask.first, ask.wanted) = (0, 0, 0) }
            let level = isRate ? subject.levels[ask.kind] ?? 0 : 0
            let heldBefore = before?.held[ask.kind] ?? 0
            let answer = lease(
                ask, level: level, taken: others.reduce(0) { $0 + ($1.held[ask.kind] ?? 0) }, others: others.count,
                kept: max(heldBefore - usedNow, ask.reserved))
            mine.used[ask.kind] = ask.used
            mine.held[ask.kind] = answer.held
            answers.append(answer)
        }
        subject.records[process] = asked.mode == .leaving ? nil : mine
        return LeaseAnswer.Subject(state: isGone ? .gone : .held, limits: answers)
    }

    private static func settleEnded(_ subject: inout Subject, _ asked: LeaseCall.Subject, now: Double) {
        func drain(to time: Double) {
            for ask in asked.asks {
                guard let period = ask.kind.period, time > subject.at else { continue }
                let drained = Double(ask.limit) * (time - subject.at) / Double(period / 1_000)
                subject.levels[ask.kind] = max(0, subject.levels[ask.kind, default: 0] - drained)
            }
            subject.at = max(subject.at, time)
        }
        for (name, record) in subject.records.sorted(by: { $0.value.expiry < $1.value.expiry })
        where record.expiry < now {
            drain(to: record.expiry)
            for (kind, held) in record.held where kind != .concurrency {
                subject.levels[kind, default: 0] += Double(held)
            }
            subject.records[name] = nil
        }
        drain(to: now)
    }

    private static func lease(
        _ ask: LeaseCall.Ask, level: Double, taken: Int, others: Int, kept: Int
    ) -> LeaseAnswer.Limit {
        let total = ask.reserved + ask.wanted
        let keep = min(total, kept)
        let free = Double(ask.limit) - level - Double(taken) - Double(keep)
        let rounding = 1e-9 + Double(ask.limit) * 2e-15
        let available = max(0, Int((free + rounding).rounded(.down)))
        let needed = max(0, ask.reserved + ask.first - keep)
        var granted = 0
        var wait: Int64?
        if needed > available {
            let period = Double((ask.kind.period ?? 0) / 1_000)
            wait =
                ask.kind == .concurrency
                ? 1_000_000_000
                : Int64(min(((Double(needed) - free) * period / Double(max(ask.limit, 1))).rounded(.up), 0x1p52))
                    * 1_000
        } else if total > keep {
            granted = min(total - keep, available, max(needed, available / (others + 1)))
        }
        let held = keep + granted
        let left = Double(ask.limit) - level - Double(taken) - Double(held) + rounding
        return LeaseAnswer.Limit(
            held: held, left: max(0, Int(left.rounded(.down))), wait: wait, level: Int(level.rounded(.up)))
    }
}

/// A small generator with a seed (SplitMix64).
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
