import Foundation
import Limits
import Testing

@testable import SharedLimits

/// The script on a real server, with a clock that the tests set.
struct ScriptBench {
    let server: RedisServer
    let client: RedisClient
    private let digest: String
    var dataSets: [String: LeaseScript.DataSet] = [:]

    init() throws {
        server = try RedisServer()
        client = try RedisClient(port: server.port)
        let text = LeaseScript.text.replacingOccurrences(
            of: "redis.call('TIME')", with: "redis.call('HMGET', '{steward}:clock', 's', 'us')")
        #expect(text != LeaseScript.text)
        guard case .text(let digest) = try client.run(["SCRIPT", "LOAD", text]) else {
            throw RedisFailure("The script can't be loaded.")
        }
        self.digest = digest
    }

    func setClock(_ microseconds: Int) throws {
        try client.run([
            "HSET", "{steward}:clock", "s", "\(microseconds / 1_000_000)", "us", "\(microseconds % 1_000_000)",
        ])
    }

    /// Keeps a copy of these keys, as a snapshot or a replica that falls behind.
    func copy(_ keys: [String]) throws {
        for key in keys {
            try client.run(["DEL", "{steward}:old:\(key)"])
            try client.run(["COPY", "{steward}:\(key)", "{steward}:old:\(key)"])
        }
    }

    /// Goes back to the copy.
    func failOver(_ keys: [String]) throws {
        for key in keys {
            try client.run(["DEL", "{steward}:\(key)"])
            try client.run(["COPY", "{steward}:old:\(key)", "{steward}:\(key)"])
        }
    }

    mutating func serve(_ call: LeaseCall, _ process: String, lifetime: Int64) throws -> LeaseAnswer {
        let words = LeaseScript.arguments(
            call, namespace: "steward", process: process, dataSet: dataSets[process] ?? LeaseScript.DataSet(),
            lifetime: lifetime)
        let reply = try client.run(["EVALSHA", digest] + words)
        guard let (answer, dataSet) = LeaseScript.answer(reply, to: call) else { throw RedisFailure("\(reply)") }
        dataSets[process] = dataSet
        return answer
    }
}

@Suite(
    "Script of shared limits", .enabled(if: RedisServer.isInstalled, "There is no redis-server."),
    .timeLimit(.minutes(10)))
struct ScriptTests {
    static func subjects(_ settings: LimitSettings) -> LimitSubjects {
        let free = LimitSubject(id: 2, settings: .unlimited)
        return LimitSubjects(key: free, application: LimitSubject(id: 1, settings: settings), organisation: free)
    }

    @Test("does the same as its model, for calls of all kinds", arguments: 0..<8)
    func model(seed: Int) throws {
        var random = Seeded(UInt64(seed) &+ 9)
        var bench = try ScriptBench()
        var model = ScriptModel()
        var clock = 1_700_000_000_000_000
        var sequences: [String: Int64] = [:]
        let key = LeaseKey(.application, LimitSubject(id: 5, settings: .unlimited))
        let keys = ["data", key.name]
        var old = model
        for step in 0..<400 {
            // Sometimes backward.
            clock += Int.random(in: -1_000_000...2_000_000, using: &random)
            try bench.setClock(clock)
            let process = ["a", "b", "c"].randomElement(using: &random) ?? "a"
            sequences[process, default: 0] += Int.random(in: 0..<10, using: &random) == 0 ? 0 : 1
            let asks = LimitKind.allCases.map { kind in
                let limit = [0, 7, 100, 2_000_000].randomElement(using: &random) ?? 7
                let first = Int.random(in: 0...max(1, limit / 4), using: &random)
                return LeaseCall.Ask(
                    kind: kind, limit: limit, used: step * 3 + Int.random(in: 0...9, using: &random),
                    reserved: Int.random(in: 0...max(1, limit / 9), using: &random), first: first,
                    wanted: first + Int.random(in: 0...max(1, limit / 3), using: &random))
            }
            let mode = [LeaseCall.Mode.first, .known, .known, .known, .known, .leaving].randomElement(using: &random)
            let call = LeaseCall(subjects: [
                .init(key: key, mode: mode ?? .known, sequence: sequences[process] ?? 0, asks: asks)
            ])
            switch Int.random(in: 0..<100, using: &random) {
            case 0:
                try bench.client.run(["DEL", "{steward}:data", "{steward}:\(key.name)"])
                model.loseAll()
            case 1..<4:
                try bench.copy(keys)
                old = model
            case 4..<6:
                try bench.failOver(keys)
                model = old
            default: break
            }
            let known = bench.dataSets[process] ?? LeaseScript.DataSet()
            let told = try bench.serve(call, process, lifetime: 3_000_000_000)
            let (expected, _) = model.serve(
                call, process: process, knows: known, lifetime: 3_000_000, clock: clock)
            try #require(told == expected, "step \(step): \(call)")
        }
    }

    @Test("decides as the limiter in the process does", arguments: 0..<8)
    func oracle(seed: Int) throws {
        var random = Seeded(UInt64(seed) &+ 500)
        var bench = try ScriptBench()
        let settings = LimitSettings(
            requestsPerMinute: [7, 20, 100].randomElement(using: &random), tokensPerMinute: 1_000,
            concurrentRequests: 5, tokensPerDay: 6_000)
        let subjects = Self.subjects(settings)
        var terms = LeaseTerms()
        terms.percentMax = 0
        terms.gathering = 0
        terms.lifetime = 60_000_000_000
        terms.refusalMax = 1
        var group = LeaseGroup(terms)
        let limiter = Limiter(startingAt: Moment(nanoseconds: 0))
        var inFlight: [(LeaseHolding, Reserved)] = []
        var clock = 1_700_000_000_000_000
        var grants = 0
        for step in 0..<500 {
            clock += Int.random(in: 0...2_500_000, using: &random)
            let now = Int64(clock) * 1_000
            try bench.setClock(clock)
            if Int.random(in: 0..<3, using: &random) == 0, !inFlight.isEmpty {
                let (holding, reserved) = inFlight.remove(at: Int.random(in: 0..<inFlight.count, using: &random))
                let actual = Int.random(in: 0...holding.tokens + 20, using: &random)
                group.settle(holding, actual: actual)
                reserved.settle(actual, at: Moment(nanoseconds: now))
            } else {
                let tokens = Int.random(in: 1...260, using: &random)
                let expected = Reserved.reserve(limiter, subjects, tokens, at: Moment(nanoseconds: now))
                group.wait(LeaseWaiter(id: step, subjects: subjects, tokens: tokens))
                let begun = group.beginCall(at: now, sweeping: true)
                let call = try #require(begun)
                let outcomes = group.endCall(try bench.serve(call, "a", lifetime: terms.lifetime), at: now)
                switch (outcomes.first?.1, expected) {
                case (.granted(let holding), .success(let reserved)):
                    grants += 1
                    inFlight.append((holding, reserved))
                case (.refused(let refusal), .failure(let error)):
                    #expect(refusal.reason == error.reason, "step \(step)")
                default:
                    Issue.record("step \(step): \(outcomes) where the limiter says \(expected)")
                    return
                }
            }
            // What was used is told at once, as the limiter hears it.
            if let call = group.beginCall(at: now, sweeping: true) {
                _ = group.endCall(try bench.serve(call, "a", lifetime: terms.lifetime), at: now)
            }
        }
        #expect(grants > 50)
    }

    /// A reservation of the limiter, kept beside others.
    final class Reserved {
        private var reservation: Reservation

        private init(_ reservation: consuming Reservation) { self.reservation = reservation }

        static func reserve(
            _ limiter: Limiter, _ subjects: LimitSubjects, _ tokens: Int, at now: Moment
        ) -> Result<Reserved, LimitRefusal> {
            do throws(LimitRefusal) {
                return .success(Reserved(try limiter.reserve(subjects, tokens: tokens, at: now)))
            } catch {
                return .failure(error)
            }
        }

        func settle(_ tokens: Int, at now: Moment) { reservation.settle(actualTokens: tokens, at: now) }
    }

    @Test("lets time only go forward")
    func time() throws {
        var bench = try ScriptBench()
        let key = LeaseKey(.application, LimitSubject(id: 5, settings: .unlimited))
        func ask(_ sequence: Int64, used: Int, _ bench: inout ScriptBench) throws -> LeaseAnswer.Limit {
            let ask = LeaseCall.Ask(kind: .requests, limit: 60, used: used, reserved: 0, first: 1, wanted: 60)
            let call = LeaseCall(subjects: [.init(key: key, mode: .known, sequence: sequence, asks: [ask])])
            return try bench.serve(call, "a", lifetime: 3_000_000_000).subjects[0].limits[0]
        }
        try bench.setClock(1_700_000_100_000_000)
        var held = [try ask(1, used: 0, &bench).held]
        // All used; then the clock is an hour back, and nothing refills.
        try bench.setClock(1_700_000_100_000_000 - 3_600_000_000)
        held.append(try ask(2, used: 60, &bench).held)
        try bench.setClock(1_700_000_100_000_000 - 3_500_000_000)
        held.append(try ask(3, used: 60, &bench).held)
        // It passed where it had been, and a unit a second comes back.
        try bench.setClock(1_700_000_105_000_000)
        held.append(try ask(4, used: 60, &bench).held)
        #expect(held == [60, 0, 0, 5])
    }

    @Test("counts all as used up when Redis came back without its last writes")
    func rolledBack() throws {
        var bench = try ScriptBench()
        let key = LeaseKey(.application, LimitSubject(id: 5, settings: .unlimited))
        func ask(_ process: String, _ bench: inout ScriptBench) throws -> Int {
            let ask = LeaseCall.Ask(kind: .requests, limit: 60, used: 0, reserved: 0, first: 1, wanted: 1)
            let call = LeaseCall(subjects: [.init(key: key, mode: .first, sequence: 1, asks: [ask])])
            return try bench.serve(call, process, lifetime: 3_000_000_000).subjects[0].limits[0].held
        }
        try bench.setClock(1_700_000_000_000_000)
        _ = try ask("a", &bench)
        try bench.copy(["data"])
        try bench.setClock(1_700_000_001_000_000)
        _ = try ask("b", &bench)
        try bench.failOver(["data", key.name])
        let idBefore = bench.dataSets["b"]?.id
        let stale = LeaseCall.Ask(kind: .requests, limit: 60, used: 0, reserved: 0, first: 1, wanted: 60)
        let call = LeaseCall(subjects: [.init(key: key, mode: .first, sequence: 2, asks: [stale])])
        let held = try bench.serve(call, "b", lifetime: 3_000_000_000).subjects[0].limits[0].held
        #expect(held == 0)
        #expect(bench.dataSets["b"]?.id != idBefore)
        // A unit a second comes back, for whoever asks.
        try bench.setClock(1_700_000_004_000_000)
        let others = [try ask("c", &bench), try ask("d", &bench), try ask("e", &bench), try ask("f", &bench)]
        #expect(others == [1, 1, 1, 0])
    }

    @Test("refuses numbers that are none", arguments: ["-1", "1.5", "nan", "inf", "x", "1e300", ""])
    func hostileNumbers(text: String) throws {
        let bench = try ScriptBench()
        let good = ["a", "", "0", "1000000", "0", "1", "1", "0", "10", "0", "0", "1", "1"]
        let keys = ["2", "{steward}:data", "{steward}:a:1"]
        guard case .array = try bench.client.run(["EVAL", LeaseScript.text] + keys + good) else {
            Issue.record("A good call was refused.")
            return
        }
        for place in 2..<good.count {
            var words = good
            words[place] = text
            guard case .error(let error) = try bench.client.run(["EVAL", LeaseScript.text] + keys + words) else {
                Issue.record("Argument \(place + 1) was taken.")
                continue
            }
            #expect(error.contains("argument \(place + 1)"))
        }
    }

    @Test("remembers of a thousand processes what it told them last")
    func marks() throws {
        var bench = try ScriptBench()
        let call = LeaseCall()
        for process in 0..<1_600 {
            try bench.setClock(1_700_000_000_000_000 + process * 1_000)
            _ = try bench.serve(call, "\(process)", lifetime: 3_000_000_000)
            if process % 100 == 0 { _ = try bench.serve(call, "0", lifetime: 3_000_000_000) }
        }
        guard case .integer(let count) = try bench.client.run(["HLEN", "{steward}:data"]) else {
            Issue.record("There is no data set.")
            return
        }
        #expect((500...1_003).contains(count))
        let id = bench.dataSets["0"]?.id
        _ = try bench.serve(call, "0", lifetime: 3_000_000_000)
        #expect(bench.dataSets["0"]?.id == id, "One that spoke of late is known.")
    }

    @Test("forgets what is idle, and nothing before")
    func forgetting() throws {
        var bench = try ScriptBench()
        try bench.setClock(1_700_000_000_000_000)
        let key = LeaseKey(.application, LimitSubject(id: 5, settings: .unlimited))
        let ask = LeaseCall.Ask(kind: .tokensPerDay, limit: 1_000, used: 0, reserved: 500, first: 0, wanted: 0)
        let call = LeaseCall(subjects: [.init(key: key, mode: .first, sequence: 1, asks: [ask])])
        _ = try bench.serve(call, "a", lifetime: 3_000_000_000)
        guard case .integer(let milliseconds) = try bench.client.run(["PTTL", "{steward}:\(key.name)"]) else {
            Issue.record("It has no time to live.")
            return
        }
        // Half a day until 500 have drained, when nobody settles them.
        #expect((43_200_000...43_210_000).contains(milliseconds))
        #expect(try bench.client.run(["PTTL", "{steward}:data"]) == .integer(-1))
    }
}
