import Filtering
import JSON
import NIOCore
import Testing

@testable import Gateway

@Suite("Text that a stream tells in several places")
struct JoinedStreamTests {
    /// All ways to cut a text into two, and some into three: with each first place, one of the second, by turns.
    static func cuts(_ text: String) -> [[String]] {
        let text = Array(text)
        var cuts: [[String]] = []
        for first in 1..<text.count {
            cuts.append([String(text[..<first]), String(text[first...])])
            guard first + 1 < text.count else { continue }
            let second = first + 1 + first * 7 % (text.count - first - 1)
            cuts.append([String(text[..<first]), String(text[first..<second]), String(text[second...])])
        }
        return cuts
    }

    private func run(_ script: JoinedScript, _ pieces: [String]) throws -> TypedRun {
        var run = try TypedRun(script.dialect)
        try run.feed(script.events(pieces))
        try run.end()
        return run
    }

    /// Catches text that leaves before the place that it goes on in has come, a telling that is judged by itself only, and
    /// tellings that lose different things.
    @Test("redacts it, whichever of its tellings is read", arguments: JoinedScript.all)
    func redacts(_ script: JoinedScript) throws {
        let spaced = stride(from: 0, to: 16, by: 4).map { String(Bench.card.dropFirst($0).prefix(4)) }
        for text in ["So \(Bench.card) ok", "So \(spaced.joined(separator: " ")) ok"] {
            for pieces in Self.cuts(text) {
                let run = try run(script, pieces)
                #expect(run.stream.verdict == .redact, "\(pieces)")
                // A passage counts what a piece says by itself, and what all say.
                let isOnce = script.name != "a response that is told once"
                #expect(!isOnce || run.stream.findings.map(\.rule) == ["test/card"], "counted once: \(pieces)")
                let readings = Readings(run, script.dialect).joined.filter { !$0.value.isEmpty }
                for (name, reading) in readings where reading.contains("ok") {
                    // A few digits leave where something else comes next, which is too little to hold it up.
                    let digits = reading.filter(\.isNumber)
                    #expect(digits.count <= (script.hasOthers ? 3 : 0), "\(name): \(reading)")
                    #expect(
                        reading.hasPrefix("So [") || reading.hasPrefix("So \(digits)"), "\(name): \(reading)")
                    #expect(reading.hasSuffix("] ok"), "\(name): \(reading)")
                }
                #expect(readings.values.contains { $0.hasSuffix(" ok") }, "\(pieces)")
                // Where all tellings say the same, they lose the same.
                if !script.name.hasPrefix("ends that"), !script.hasOthers {
                    let told = readings.filter { $0.key.contains(" ") && $0.value.contains("So") }.map(\.value)
                    #expect(Set(told).count <= 1, "\(readings)")
                }
                checkOrder(run, script.dialect, hasOthers: script.hasOthers)
            }
        }
    }

    @Test("blocks it", arguments: JoinedScript.all)
    func blocks(_ script: JoinedScript) throws {
        for (text, secret) in [("So \(Bench.key) ok", Bench.key), ("a nightingale ok", "nightingale")] {
            for pieces in Self.cuts(text) {
                var run = try TypedRun(script.dialect)
                try run.feed(script.events(pieces))
                try run.end()
                #expect(run.stream.isBlocked, "\(pieces)")
                for (name, reading) in Readings(run, script.dialect).joined {
                    #expect(!reading.contains(secret) && !reading.contains("ok"), "\(name): \(reading)")
                }
            }
        }
    }

    /// Catches a seam that only rules which hold text back are asked about.
    @Test("flags it, and lets it pass as it came", arguments: JoinedScript.all)
    func flags(_ script: JoinedScript) throws {
        // Of three pieces, one may be a letter with which another rule begins.
        for pieces in Self.cuts("So darn it") where pieces.count == 2 {
            let events = script.events(pieces)
            let run = try run(script, pieces)
            #expect(run.stream.verdict == .flag, "\(pieces)")
            #expect(run.all == events.joined(separator: "\n"), "nothing waits for a rule that takes nothing out")
        }
    }

    @Test("leaves as it came, and nothing of it waits, where nothing is found", arguments: JoinedScript.all)
    func passes(_ script: JoinedScript) throws {
        let pieces = ["One thing. ", "Another, ", "and that is all."]
        let events = script.events(pieces)
        var run = try TypedRun(script.dialect)
        for (index, event) in events.enumerated() {
            try run.feed([event])
            #expect(run.events.count == index + 1)
        }
        try run.end()
        #expect(run.all == events.joined(separator: "\n"))
        #expect(run.stream.verdict == .allow)
    }

    /// What may become a number, and doesn't, leaves complete; nothing else does meanwhile what its protocol has not.
    @Test("leaves complete where it only looks like something", arguments: JoinedScript.all)
    func completes(_ script: JoinedScript) throws {
        for pieces in [
            ["No. 4111 1", "111 1", "1 and so on"], ["41", "11", "11"], ["4111 ", "1111 ", "x"], ["4", "1"],
        ] {
            let run = try run(script, pieces)
            #expect(run.stream.verdict == .allow)
            let expected = try {
                var plain = try TypedRun(script.dialect, observesOnly: true)
                try plain.feed(script.events(pieces))
                return Readings(plain, script.dialect).joined
            }()
            #expect(Readings(run, script.dialect).joined == expected, "\(pieces)")
            checkOrder(run, script.dialect, hasOthers: script.hasOthers)
        }
    }

    @Test("passes unchanged while Steward only observes", arguments: JoinedScript.all)
    func observes(_ script: JoinedScript) throws {
        let pieces = [
            "So \(Bench.card.prefix(5))", String(Bench.card.dropFirst(5).prefix(5)), "\(Bench.card.suffix(6))",
        ]
        var run = try TypedRun(script.dialect, observesOnly: true)
        try run.feed(script.events(pieces))
        try run.end()
        #expect(run.all == script.events(pieces).joined(separator: "\n"))
        #expect(run.stream.verdict == .redact)
    }

    static func words(_ outer: Int, _ inner: Int, _ text: String, logprobs: String = "") -> String {
        #"{"type":"response.output_text.delta","output_index":\#(outer),"content_index":\#(inner),"#
            + #""delta":"\#(text)"\#(logprobs)}"#
    }

    private static let part = #"{"type":"output_text","text":"4111"}"#
    private static let item = #"{"type":"message","content":[\#(part)]}"#

    /// Catches orders in which readers would lay together something else than was judged.
    @Test(
        "is a malformed answer where it is told by turns, backwards or after its end, or begins twice",
        arguments: [
            [words(0, 0, "4111"), words(0, 1, "1"), words(0, 0, "1111")], [words(1, 0, "4111"), words(0, 0, "1")],
            [words(0, 1, "4111"), words(0, 0, "1")],
            [
                #"{"type":"response.created","response":{"output":[\#(item)]}}"#,
                #"{"type":"response.in_progress","response":{"output":[\#(item)]}}"#,
            ],
            [
                #"{"type":"response.output_item.added","output_index":0,"item":\#(item)}"#,
                #"{"type":"response.content_part.added","output_index":0,"content_index":0,"part":\#(part)}"#,
            ],
            [
                #"{"type":"response.output_item.done","output_index":1,"item":\#(item)}"#,
                #"{"type":"response.output_item.done","output_index":0,"item":\#(item)}"#,
            ],
            [
                #"{"type":"response.output_text.done","output_index":0,"text":"4111"}"#,
                #"{"type":"response.output_text.done","output_index":0,"text":"4111"}"#,
            ],
            [
                words(0, 0, "4"),
                #"{"type":"response.output_text.done","output_index":0,"content_index":0,"text":"4"}"#,
                words(0, 0, "1"),
            ],
        ])
    func refuses(_ events: [String]) throws {
        var run = try TypedRun(.responses)
        #expect(throws: UpstreamFailure.self) { try run.feed(events) }
        // What was fed before the last was in order.
        run = try TypedRun(.responses)
        try run.feed(events.dropLast())
    }

    @Test("makes the gateway keep no more than some events that wait")
    func boundsWaiting() throws {
        var run = try TypedRun(.messages)
        let stop = #"{"type":"content_block_stop","index":0}"#
        try run.feed([#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"4111"}}"#])
        try run.feed([String](repeating: stop, count: 1_024))
        #expect(run.events.count == 1)
        let failure = UpstreamFailure.malformed("too much about texts that wait for others")
        #expect(throws: failure) { try run.feed([stop]) }
        var long = try TypedRun(.transcriptions)
        let note = String(repeating: "Hm. ", count: 20_000)
        let segments = (0..<5).map {
            // Together no more digits than a card may have, so that the first waits until the last.
            #"{"type":"transcript.text.segment","text":"111\#($0 == 0 ? "1" : "")","id":"s\#($0)","note":"\#(note)"}"#
        }
        try long.feed(segments.dropLast())
        #expect(long.events.isEmpty)
        #expect(throws: failure) { try long.feed(segments.suffix(1)) }
    }

    @Test("loses the log-probabilities of the places that lost something, and no others")
    func keepsLogProbabilities() throws {
        func logprobs(_ token: String) -> String { #","logprobs":[{"token":"\#(token)","logprob":-1}]"# }
        var run = try TypedRun(.responses)
        try run.feed([
            Self.words(0, 0, "So \(Bench.card) ok.", logprobs: logprobs("So \(Bench.card) ok.")),
            Self.words(1, 0, "And then.", logprobs: logprobs("And then.")),
            #"{"type":"response.output_text.done","output_index":1,"text":"And then."\#(logprobs("And then."))}"#,
            #"{"type":"response.output_item.done","output_index":0,"item":{}}"#,
            #"{"type":"response.note","text":"\#(Bench.card)"\#(logprobs(Bench.card))}"#,
        ])
        #expect(!run.all.contains(Bench.card))
        #expect(run.all.split(separator: logprobs("And then.")).count == 3)
    }

    /// With the rules that are shipped any digit may begin a number.
    @Test("is not held up by a tail of a few bytes where something else comes next", arguments: ["7", "41", "411"])
    func letsGo(_ tail: String) throws {
        func start(_ index: Int, _ block: String) -> String {
            #"{"type":"content_block_start","index":\#(index),"content_block":{\#(block)}}"#
        }
        let text = #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Of \#(tail)"}}"#
        let ends = [text, #"{"type":"content_block_stop","index":0}"#]
        for next in [#""type":"tool_use","id":"t","name":"find","input":{}"#, #""type":"thinking","thinking":"""#] {
            var run = try TypedRun(.messages)
            try run.feed([start(0, #""type":"text","text":"""#)] + ends + [start(1, next)])
            #expect(run.said == "Of \(tail)")
            #expect(run.names.suffix(2) == ["content_block_stop", "content_block_start"])
        }
        var run = try TypedRun(.messages)
        try run.feed([start(0, #""type":"text","text":"""#)] + ends + [start(1, #""type":"text","text":"""#)])
        #expect(run.said == "Of " && run.names.count == 2, "the same text may go on")
        var segments = try TypedRun(.transcriptions)
        try segments.feed([#"{"type":"transcript.text.segment","text":"Of \#(tail)"}"#])
        #expect(segments.events.count == 1)
    }

    @Test("leaves no more than the first of it where it is told letter by letter, with something else between")
    func letsGoOfLittle() throws {
        var run = try TypedRun(.messages)
        for (index, digit) in Bench.card.enumerated() {
            try run.feed([
                #"{"type":"content_block_start","index":\#(2 * index),"content_block":{"type":"text","text":"\#(digit)"}}"#,
                #"{"type":"content_block_stop","index":\#(2 * index)}"#,
                #"{"type":"content_block_start","index":\#(2 * index + 1),"content_block":{"type":"tool_use"}}"#,
            ])
        }
        try run.feed([#"{"type":"message_stop"}"#])
        let reading = Readings(run, .messages).joined["text"] ?? ""
        #expect(reading.hasPrefix("400[") && reading.filter(\.isNumber) == "400", "\(reading)")
    }

    /// What client libraries rely on: a block or item begins, is told, and ends; the stream's end comes last; numbers count.
    private func checkOrder(_ run: TypedRun, _ dialect: Dialect, hasOthers: Bool) {
        var ended: Set<String> = []
        var begun: Set<Int> = []
        for event in run.events {
            let root = event.root
            guard let type = event.member("type", of: root).flatMap(event.string) else { continue }
            let outer = ["index", "output_index"].compactMap { event.member($0, of: root).flatMap(event.int) }.first
            let inner = ["content_index", "summary_index"].compactMap { event.member($0, of: root).flatMap(event.int) }
            let place = "\(outer ?? -1) \(inner)"
            switch type {
            case "content_block_start":
                let isNew = begun.insert(outer ?? -1).inserted
                #expect(isNew && begun.count == (outer ?? -1) + 1, "\(run.names)")
                // Only something else than text may come between what a block says and its end.
                #expect(hasOthers || ended.count == outer, "\(run.names)")
            case "content_block_delta": #expect(!ended.contains(place), "\(run.names)")
            case "content_block_stop": #expect(ended.insert(place).inserted)
            case "response.output_item.done":
                #expect(ended.insert("item \(outer ?? -1)").inserted)
            case let type where type.hasSuffix("part.done"):
                #expect(!ended.contains("item \(outer ?? -1)"))
                #expect(ended.insert("part \(place)").inserted)
            case let type where type.hasSuffix("text.done") && dialect == .responses:
                #expect(!ended.contains("part \(place)"))
                #expect(ended.insert(place).inserted)
            case let type where type.hasSuffix("text.delta") && dialect == .responses:
                #expect(!ended.contains(place), "\(run.names)")
            default: continue
            }
        }
        if dialect == .responses {
            let numbers = run.events.compactMap { $0.member("sequence_number", of: $0.root).flatMap($0.int) }
            #expect(numbers == Array(0..<run.events.count))
        }
        #expect(
            run.names.last.map { ["message_stop", "response.completed", "transcript.text.done"].contains($0) } == true)
    }
}
