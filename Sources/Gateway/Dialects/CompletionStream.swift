internal import Filtering
internal import JSON
internal import NIOCore

/// A streamed completion on its way from upstream to caller: events in, judged events out. No I/O.
///
/// Every string of every choice is fed to the screen of its channel; what a screen holds back stays out of the event
/// and leaves with a later one. Before a choice's finish reason leaves, all that is held of it has been decided.
struct CompletionStream: AnswerStream {
    private let filter: FilterPolicy
    private let screener: Screener
    private let asksForUsage: Bool
    private let choicesExpected: Int
    private let observesOnly: Bool
    private var parser: EventParser
    private var reader = EventReader()
    private var own: OwnEvents
    private var choices: [StreamChoice] = []
    /// Of all choices, each of which takes some KB until it has ended.
    private var textsCount = 0
    private let textsMax: Int
    private let maker: ScreenMaker
    /// What stands beside the choices, event by event.
    private var beside: EventScreen
    private(set) var usage: Usage?
    private var hasSentUsage = false
    private(set) var outputBytes = 0
    private(set) var status = StreamStatus.open
    private(set) var hasText = false

    /// Of one answer: what it says, thinks and refuses with, and its tool calls with name and arguments.
    private static let channelsMax = 160
    /// An event of a mebibyte may have half a million values, each of which takes 16 bytes.
    private static let limits = JSONLimits(nodesMax: 100_000)

    init(_ terms: StreamTerms) {
        filter = terms.filter
        screener = terms.screener
        asksForUsage = terms.asksForUsage
        choicesExpected = max(1, min(terms.choicesExpected, StreamChoice.indexMax + 1))
        observesOnly = terms.observesOnly
        // Every choice that was asked for may say something.
        textsMax = max(terms.textsMax, choicesExpected)
        maker = ScreenMaker(terms)
        parser = EventParser(eventBytesMax: terms.eventBytesMax)
        own = OwnEvents(dialect: terms.dialect, modelName: terms.modelName.map { JSONWriter.json($0) })
        beside = EventScreen(
            screener: terms.screener, filter: terms.filter, observesOnly: terms.observesOnly,
            placeholders: terms.placeholders)
    }

    // MARK: - What the filters said

    var verdict: Verdict {
        var verdict = beside.verdict
        for choice in choices {
            verdict = verdict.combined(with: choice.aside.verdict)
            for channel in choice.channels { verdict = verdict.combined(with: channel.screen.verdict) }
        }
        return verdict
    }

    var findings: [Finding] {
        if verdict == .allow { return [] }
        return beside.findings + choices.flatMap { $0.aside.findings + $0.channels.flatMap(\.screen.findings) }
    }

    var isBlocked: Bool { beside.isBlocked || choices.contains(where: \.isBlocked) }

    var screens: [StreamScreen] { choices.flatMap { $0.channels.map(\.screen) } }

    var releasedBytes: Int { screens.reduce(0) { $0 + $1.releasedCount } }

    mutating func letGo(to output: inout [UInt8]) {
        for choice in choices where !choice.isFinished {
            for channel in choice.channels where channel.screen.heldCount > 0 {
                var rest: [UInt8] = []
                channel.screen.letGo(to: &rest)
                write(rest, of: channel, in: choice, to: &output)
            }
        }
    }

    mutating func withhold(_ tokens: Ending.Tokens, to output: inout [UInt8]) {
        for index in 0..<choicesExpected { own.writeBlocked(index, to: &output) }
        hasSentUsage = false
        writeEnd(tokens, to: &output)
    }

    // MARK: - Events

    /// Takes bytes of the upstream in; appends events that may leave.
    mutating func feed(_ bytes: ByteBuffer, to output: inout [UInt8]) throws(UpstreamFailure) {
        parser.feed(bytes)
        while status == .open, let event = try parser.next() {
            try take(event, to: &output)
        }
    }

    /// The upstream has closed the stream.
    func checkEnd() throws(UpstreamFailure) {
        guard status == .ended || (!choices.isEmpty && choices.allSatisfy(\.isFinished)) else { throw .closedEarly }
    }

    private mutating func take(_ event: [UInt8], to output: inout [UInt8]) throws(UpstreamFailure) {
        if event.count == 6, event.elementsEqual("[DONE]".utf8) {
            guard choices.allSatisfy(\.isFinished) else {
                throw .malformed("an end before the finish reason")
            }
            status = .ended
            return
        }
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument(parsing: event, limits: Self.limits)
        } catch {
            throw .malformed("an event with \(error.problem.rawValue)")
        }
        let members = try reader.members(of: document)
        var edits = JSONEdits()
        let hasUsage = readUsage(members, of: document, into: &edits)
        if let modelName = own.modelName, members.hasModel {
            edits.setMember("model", raw: modelName, of: document.root)
        }
        let isClean = beside.judge(members.others, of: document, edits: &edits)
        own.learn(from: document, isClean: isClean)
        if beside.isBlocked { return blockAll(to: &output) }
        let count = document.count(of: members.choices)
        var isSilent = count > 0
        for choice in document.elements(of: members.choices) {
            if try take(choice, of: document, edits: &edits, to: &output) { isSilent = false }
        }
        let tellsUsage = hasUsage && asksForUsage
        if isSilent && !tellsUsage { return }
        // The usage chunk that only we asked for stays here.
        if count == 0, hasUsage, !asksForUsage { return }
        write(document, edits, to: &output)
        if tellsUsage { hasSentUsage = true }
    }

    private func write(_ document: JSONDocument, _ edits: JSONEdits, to output: inout [UInt8]) {
        output.append(contentsOf: "data: ".utf8)
        document.serialise(into: &output, edits: edits)
        output.append(contentsOf: "\n\n".utf8)
    }

    /// Keeps the upstream's count, and takes it out of the event where the caller did not ask for it.
    private mutating func readUsage(
        _ members: EventMembers, of document: JSONDocument, into edits: inout JSONEdits
    ) -> Bool {
        guard let key = members.usageKey else { return false }
        if !asksForUsage { edits.removeMember(key) }
        guard let usage = document.completionUsage else { return false }
        self.usage = usage
        return true
    }

    /// Ends the stream: the usage, where the caller asked for it and a filter ended the stream before the upstream sent
    /// it, and the mark of the end.
    func writeEnd(_ tokens: Ending.Tokens, to output: inout [UInt8]) {
        if asksForUsage, !hasSentUsage { own.writeUsage(tokens, to: &output) }
        output.append(contentsOf: OwnEvents.end)
    }

    // MARK: - Choices

    /// Judges one choice of an event. `false` if nothing of it is left to say; then the event has nothing of it.
    private mutating func take(
        _ node: JSONNode, of document: JSONDocument, edits: inout JSONEdits, to output: inout [UInt8]
    ) throws(UpstreamFailure) -> Bool {
        guard document.kind(node) == .object else { throw .malformed("a choice that is no object") }
        let choice = choice(at: try index(of: node, in: document))
        if choice.isFinished {
            // Text may follow only in a choice that a filter has ended, and is dropped; empty events are common.
            guard choice.isBlocked || !saysMore(node, of: document) else {
                throw .malformed("text after the finish reason")
            }
            silence(node, choice, edits: &edits)
            return false
        }
        let count = choice.channels.count
        var walk = StreamWalk(
            document: document, choice: choice, screener: screener, filter: filter, observesOnly: observesOnly,
            channelsMax: min(Self.channelsMax, count + textsMax - textsCount), maker: maker)
        try walk.run(node, edits: &edits)
        textsCount += choice.channels.count - count
        outputBytes += walk.fedBytes
        if walk.fedBytes > 0 { hasText = true }
        if !observesOnly, choice.aside.isBlocked || choice.channels.contains(where: \.screen.isBlocked) {
            finishBlocked(choice, to: &output)
        } else if walk.finishes {
            for (channel, rest) in walk.rests { write(rest, of: channel, in: choice, to: &output) }
            choice.isFinished = true
            endIfBlocked()
        }
        if choice.isBlocked {
            silence(node, choice, edits: &edits)
            return false
        }
        return walk.isWorthSending
    }

    private func index(of choice: JSONNode, in document: JSONDocument) throws(UpstreamFailure) -> Int {
        guard let node = document.member("index", of: choice), !document.isNull(node) else { return 0 }
        guard let index = StreamChoice.index(node, of: document) else { throw .malformed("an index out of bounds") }
        // Who asked for one answer reads the texts of all choices as one.
        guard index < choicesExpected else { throw .malformed("more choices than were asked for") }
        return index
    }

    /// The event may be written for the sake of its usage or of another choice.
    private func silence(_ node: JSONNode, _ choice: StreamChoice, edits: inout JSONEdits) {
        if !observesOnly { edits.replace(node, withRaw: own.silentChoice(choice.index)) }
    }

    /// Whether an event's choice holds text that is not empty.
    private func saysMore(_ node: JSONNode, of document: JSONDocument) -> Bool {
        var saysMore = false
        document.forEachMember(of: node) { key, value in
            if document.utf8Equals(key, "finish_reason") { return }
            switch document.kind(value) {
            case .string:
                saysMore = saysMore || document.utf8CountMax(of: value) > 0 && !document.utf8Equals(key, "role")
            case .object: saysMore = saysMore || self.saysMore(value, of: document)
            case .array:
                saysMore = saysMore || document.elements(of: value).contains { self.saysMore($0, of: document) }
            default: return
            }
        }
        return saysMore
    }

    private mutating func choice(at index: Int) -> StreamChoice {
        if let choice = choices.first(where: { $0.index == index }) { return choice }
        let choice = StreamChoice(index: index)
        choices.append(choice)
        return choice
    }

    /// Sends what was held of a text in an event of our own, with the log-probabilities that spell it.
    private func write(
        _ rest: [UInt8], of channel: StreamChannel, in choice: StreamChoice, to output: inout [UInt8]
    ) {
        let isSpelled = channel.place == StreamWalk.content && !choice.logProbabilities.isEmpty
        guard !rest.isEmpty || isSpelled else { return }
        own.writeChoice(choice.index, to: &output) { writer in
            channel.write(rest, into: &writer)
            guard isSpelled else { return }
            writer.key("logprobs" as StaticString)
            writer.raw(choice.releaseLogProbabilities(of: channel))
        }
    }

    private mutating func finishBlocked(_ choice: StreamChoice, to output: inout [UInt8]) {
        choice.isBlocked = true
        choice.isFinished = true
        own.writeBlocked(choice.index, to: &output)
        endIfBlocked()
    }

    /// Ends every choice, those too that have not begun.
    private mutating func blockAll(to output: inout [UInt8]) {
        for index in 0..<choicesExpected where !choices.contains(where: { $0.index == index }) {
            _ = choice(at: index)
        }
        for choice in choices where !choice.isFinished { finishBlocked(choice, to: &output) }
        endIfBlocked()
    }

    /// Once a filter has ended a choice, the stream is over with the last choice: no more is waited for.
    private mutating func endIfBlocked() {
        if isBlocked, choices.count >= choicesExpected, choices.allSatisfy(\.isFinished) { status = .ended }
    }
}
