import Limits
import Testing

@testable import SharedLimits

/// Processes and a Redis that loses what it knew, again and again; only what each side remembers.
private struct Losses {
    var redis = ScriptModel()
    var known: [String: LeaseScript.DataSet] = [:]
    /// Microseconds.
    var clock = 1_000_000_000

    /// - Returns: whether all counted as used up from this call on.
    @discardableResult
    mutating func speak(_ process: String) -> Bool {
        clock += 1_000
        let before = redis.lost
        let (_, dataSet) = redis.serve(
            LeaseCall(), process: process, knows: known[process] ?? LeaseScript.DataSet(), lifetime: 3_000_000,
            clock: clock)
        known[process] = dataSet
        return redis.lost != before && redis.lost > 0
    }
}

@Suite("Loss of Redis' data")
struct DataLossTests {
    @Test("is noticed after a loss before it: back to a snapshot from between the two")
    func twoLosses() {
        var losses = Losses()
        losses.speak("a")
        losses.redis.loseAll()
        var noticed = [losses.speak("a")]
        let snapshot = losses.redis
        // Lost whole once more; and then what the second loss left is lost to the snapshot.
        losses.redis.loseAll()
        noticed.append(losses.speak("a"))
        losses.redis = snapshot
        noticed.append(losses.speak("a"))
        #expect(noticed == [true, true, true])
    }

    @Test("is noticed though others, who missed nothing, speak first", arguments: [false, true])
    func othersFirst(isSecond: Bool) {
        var losses = Losses()
        for process in ["a", "b"] { losses.speak(process) }
        if isSecond {
            losses.redis.loseAll()
            for process in ["a", "b"] { losses.speak(process) }
        }
        let snapshot = losses.redis
        losses.speak("a")
        losses.redis = snapshot
        for _ in 0..<3 {
            let isNoticed = losses.speak("b")
            #expect(!isNoticed, "It has read nothing that is not there.")
        }
        let isNoticed = losses.speak("a")
        #expect(isNoticed)
    }

    @Test("counts all as used up once, however many remember it")
    func once() {
        var losses = Losses()
        let processes = ["a", "b", "c", "d"]
        for process in processes { losses.speak(process) }
        losses.redis.loseAll()
        let noticed = (processes + processes).map { losses.speak($0) }
        #expect(noticed.filter(\.self).count == 1)
    }

    @Test("is noticed by all who remember what is gone, and by nobody else", arguments: 0..<200)
    func exactly(seed: Int) {
        var random = Seeded(UInt64(seed) &+ 5_000)
        var losses = Losses()
        let processes = ["a", "b", "c"]
        // Beside what Redis knows: up to which call of each process it has accounted for all.
        var accounted: [String: Int] = [:]
        var snapshots = [(losses.redis, accounted)]
        var read: [String: Int] = [:]
        var noticed = 0
        for step in 0..<300 {
            switch Int.random(in: 0..<20, using: &random) {
            case 0: snapshots.append((losses.redis, accounted))
            case 1:
                guard let snapshot = snapshots.randomElement(using: &random) else { continue }
                (losses.redis, accounted) = snapshot
            default:
                let process = processes.randomElement(using: &random) ?? "a"
                let isRobbed = accounted[process, default: 0] < read[process, default: 0]
                let isNoticed = losses.speak(process)
                #expect(isNoticed == isRobbed, "step \(step), \(process)")
                // All that was read before it counts as used up from then on.
                if isNoticed { accounted = read }
                noticed += isNoticed ? 1 : 0
                read[process] = step + 1
                accounted[process] = step + 1
            }
        }
        #expect(noticed > 0)
    }
}
