internal import Filtering
internal import JSON
internal import NIOCore

/// A streamed answer whose events say by their type what they are: OpenAI's responses and transcripts, Anthropic's
/// messages.
///
/// Every piece of a text is fed to the screen of the flow that readers lay it into; what a screen holds back stays out of the
/// event and leaves with a later one, at the latest before the event that ends the text. Where a text ends with something
/// held that the next one may go on with, the event that ends it waits, and so does one that says all of a text again. If
/// something else comes next, a tail of a few bytes is let go, so that events stay in order; for a longer one the events
/// about it wait on, and others pass them. Whatever else an event says is judged with that event.
struct TypedStream<Events: TypedEvents>: AnswerStream {
    private var events: Events
    private let filter: FilterPolicy
    private let observesOnly: Bool
    private var parser: EventParser
    private var flows: [TextID: StreamFlow] = [:]
    /// In which they began.
    private var order: [StreamFlow] = []
    /// Places at which something was said in pieces, and whether all of it has been.
    private var places: [TextID: Bool] = [:]
    /// Those of which something was taken out, as far as they have left.
    private var redacted: Set<TextID> = []
    private var stretchCount = 0
    /// A filter has ended one of the texts, and is heeded.
    private var hasStopped = false
    /// In order.
    private var waiting: [EventInHand] = []
    private var waitingBytes = 0
    private var beside: EventScreen
    /// Bytes of text, by telling.
    private var textBytes = [Int](repeating: 0, count: TextID.Telling.allCases.count)
    private(set) var status = StreamStatus.open
    private(set) var isBlocked = false
    /// What was found wrong with an event that was to leave: nothing leaves after it.
    private var failure: UpstreamFailure?

    /// An answer of more texts is no answer.
    private let placesMax = 1_024
    /// What an item is ended with may wait: its text three times as a whole.
    private let waitingBytesMax: Int
    private let maker: ScreenMaker
    /// Text is held for some hundred bytes, which may be as many segments of a transcript.
    private let waitingMax = 1_024
    /// An event of a mebibyte may have half a million values, each of which takes 16 bytes.
    private let limits = JSONLimits(nodesMax: 100_000)

    init(_ events: Events, _ terms: StreamTerms) {
        self.events = events
        filter = terms.filter
        observesOnly = terms.observesOnly
        parser = EventParser(eventBytesMax: terms.eventBytesMax)
        waitingBytesMax = 4 * terms.eventBytesMax
        maker = ScreenMaker(terms)
        beside = EventScreen(
            screener: terms.screener, filter: terms.filter, observesOnly: terms.observesOnly,
            placeholders: terms.placeholders)
    }

    /// An event that has not left.
    private struct EventInHand {
        let type: String
        let document: JSONDocument
        let event: TypedEvent
        var edits = JSONEdits()
        /// Something beside its pieces was taken out, or of a text that it tells the last of.
        var isRedacted = false
        /// What may leave of its pieces so far, by the number of their stretch.
        var left: [Int: (node: JSONNode, text: [UInt8])] = [:]
        /// Stretches that it waits for.
        var needs: Set<Int> = []

        /// What it takes to keep.
        var bytes: Int { document.bytes.count + 16 * document.nodeCount }

        /// Whether others must leave before it: what ends something comes behind all about that, everything but pieces behind
        /// its beginning.
        func isBehind(_ others: [EventInHand]) -> Bool {
            guard let outer = event.outer, !event.isPiece else { return false }
            let endsSomething = if case .none = event.ended { false } else { true }
            return others.contains { $0.event.outer == outer && (endsSomething || $0.event.begun != nil) }
        }
    }

    var screens: [StreamScreen] { order.map(\.screen) }

    var releasedBytes: Int {
        let byTelling = Dictionary(grouping: order, by: \.telling).values
        return byTelling.map { $0.reduce(0) { $0 + $1.screen.releasedCount } }.max() ?? 0
    }

    mutating func letGo(to output: inout [UInt8]) {
        if isBlocked || failure != nil { return }
        for flow in order where flow.screen.heldCount > 0 {
            for release in flow.letGo() {
                give(release, to: &output)
                if release.isLast { finish(release.stretch, to: &output) }
            }
        }
    }

    mutating func withhold(_ tokens: Ending.Tokens, to output: inout [UInt8]) {
        events.forgetLeft()
        events.writeBlocked(tokens, to: &output)
    }

    var hasText: Bool { outputBytes > 0 }
    /// However often it was told.
    var outputBytes: Int { textBytes.max() ?? 0 }
    var usage: Usage? { events.usage }

    var verdict: Verdict { order.reduce(beside.verdict) { $0.combined(with: $1.screen.verdict) } }

    /// What was found in pieces and again where all is told counts once.
    var findings: [Finding] {
        if verdict == .allow { return [] }
        var findings: [Finding] = []
        for telling in TextID.Telling.allCases {
            let rules = Set(findings.map(\.rule))
            let found = order.filter { $0.telling == telling }.flatMap(\.screen.findings)
            findings += found.filter { !rules.contains($0.rule) }
        }
        let rules = Set(findings.map(\.rule))
        return findings + beside.findings.filter { !rules.contains($0.rule) }
    }

    mutating func feed(_ bytes: ByteBuffer, to output: inout [UInt8]) throws(UpstreamFailure) {
        parser.feed(bytes)
        while status == .open, let event = try parser.next() {
            try take(event, to: &output)
            if let failure { throw failure }
        }
    }

    func checkEnd() throws(UpstreamFailure) {
        if status == .open { throw .closedEarly }
    }

    mutating func writeEnd(_ tokens: Ending.Tokens, to output: inout [UInt8]) {
        if isBlocked { events.writeBlocked(tokens, to: &output) }
    }

    // MARK: - Events

    private mutating func take(_ bytes: [UInt8], to output: inout [UInt8]) throws(UpstreamFailure) {
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument(parsing: bytes, limits: limits)
        } catch {
            throw .malformed("an event with \(error.problem.rawValue)")
        }
        guard let node = document.member("type", of: document.root), document.kind(node) == .string,
            ProtocolWord.isOne(node, in: document), let type = document.string(node)
        else { throw .malformed("an event without a type") }
        let event = try events.read(type, document)
        var hand = EventInHand(type: type, document: document, event: event)
        end(event.ended, with: &hand, to: &output)
        if hasStopped { return block() }
        if let begun = event.begun {
            for flow in order where !begun.contains(flow.kind) {
                take(flow.letGoTail(), of: flow, with: &hand, to: &output)
            }
        }
        for piece in event.pieces where document.utf8CountMax(of: piece.node) > 0 {
            try feed(piece, of: &hand, to: &output)
        }
        let isClean = beside.judge(
            Passage(of: document, as: Events.places, skipping: Set(event.pieces.map(\.node))), edits: &hand.edits)
        if !isClean { hand.isRedacted = true }
        if !observesOnly, beside.isBlocked || hasStopped { return block() }
        if isClean { events.learn(type, from: document) }
        if event.isLast { status = .ended }
        try pass(hand, to: &output)
    }

    /// Feeds one of an event's pieces to the screen of its flow.
    private mutating func feed(
        _ piece: TypedEvent.Piece, of hand: inout EventInHand, to output: inout [UInt8]
    ) throws(UpstreamFailure) {
        let place = piece.text
        if let hasEnded = places[place] {
            if hasEnded { throw .malformed("text after its end") }
            // Readers may go on from either beginning.
            if piece.way == .begins { throw .malformed("a text that begins twice") }
        } else if piece.way != .isWhole {
            guard places.count < placesMax else { throw .malformed("more texts than an answer can have") }
            places[place] = false
        }
        let flow = flow(of: place)
        stretchCount += 1
        let number = stretchCount
        let (stretch, releases) = try hand.document.withUTF8(of: piece.node) { text throws(UpstreamFailure) in
            textBytes[place.telling.rawValue] += text.count
            return try flow.feed(text, at: place, number: number)
        }
        hand.left[stretch.number] = (piece.node, [])
        take(releases, of: flow, with: &hand, to: &output)
        guard piece.way == .isWhole else { return }
        hand.needs.insert(stretch.number)
        take(flow.beginNext(), of: flow, with: &hand, to: &output)
        // Where nothing tells it in pieces, it would come late each time.
        if place.telling == .pieces { take(flow.letGoTail(), of: flow, with: &hand, to: &output) }
    }

    private mutating func flow(of place: TextID) -> StreamFlow {
        let joined = Events.joined.first { $0.kind == place.kind }
        let key = joined == nil ? place : place.everywhere
        if let flow = flows[key] { return flow }
        let flow = StreamFlow(
            at: place, joined, isJSON: events.isJSON(place),
            screen: maker.screen())
        flows[key] = flow
        order.append(flow)
        return flow
    }

    /// Ends texts, and decides on what is held of them that no other text goes on with. The event waits for the rest.
    private mutating func end(_ scope: TypedEvent.Ended, with hand: inout EventInHand, to output: inout [UInt8]) {
        if case .none = scope { return }
        for place in places.keys where scope.contains(place) { places[place] = true }
        for flow in order where !hasStopped {
            if case .all = scope {
                take(flow.finish(), of: flow, with: &hand, to: &output)
            } else if let latest = flow.latest, scope.contains(latest) {
                take(flow.isJoined ? flow.beginNext() : flow.finish(), of: flow, with: &hand, to: &output)
            }
            for stretch in flow.stretches where scope.contains(stretch.place) { hand.needs.insert(stretch.number) }
        }
    }

    /// Gives what may leave to the events that say it: to the one in hand, to one that waits, or to one of our own.
    private mutating func take(
        _ releases: [StreamFlow.Release], of flow: StreamFlow, with hand: inout EventInHand, to output: inout [UInt8]
    ) {
        if !observesOnly, flow.screen.isBlocked { hasStopped = true }
        for release in releases {
            let number = release.stretch.number
            if hand.left[number] != nil {
                note(release)
                hand.left[number]?.text += release.text
                if release.isRedacted { hand.isRedacted = true }
            } else {
                give(release, to: &output)
            }
            guard release.isLast else { continue }
            hand.needs.remove(number)
            finish(release.stretch, to: &output)
        }
    }

    private mutating func note(_ release: StreamFlow.Release) {
        let place = release.stretch.place
        if release.isRedacted, places[place] != nil { redacted.insert(place) }
    }

    /// Gives what may leave to an event that waits, or to one of our own.
    private mutating func give(_ release: StreamFlow.Release, to output: inout [UInt8]) {
        note(release)
        let (number, place) = (release.stretch.number, release.stretch.place)
        if let index = waiting.firstIndex(where: { $0.left[number] != nil }) {
            waiting[index].left[number]?.text += release.text
            if release.isRedacted { waiting[index].isRedacted = true }
        } else if !release.text.isEmpty {
            events.note(release.text, of: place)
            if !observesOnly { events.writePiece(release.text, of: place, to: &output) }
        }
    }

    /// Nothing waits for a stretch any more.
    private mutating func finish(_ stretch: StreamFlow.Stretch, to output: inout [UInt8]) {
        for index in waiting.indices { waiting[index].needs.remove(stretch.number) }
        sendWaiting(to: &output)
    }

    // MARK: - What leaves

    /// Sends the event, unless it must wait.
    private mutating func pass(_ hand: EventInHand, to output: inout [UInt8]) throws(UpstreamFailure) {
        var hand = hand
        if let begun = hand.event.begun {
            // Behind the pieces of what readers lay before it; ends that are still to be told again come later.
            for flow in order where flow.telling == .pieces && begun.contains(flow.kind) {
                hand.needs.formUnion(flow.stretches.map(\.number).filter { hand.left[$0] == nil })
            }
        }
        if observesOnly || hand.needs.isEmpty && !hand.isBehind(waiting) {
            if hand.event.begun != nil { sendBeginnings(to: &output) }
            return send(hand, to: &output)
        }
        waitingBytes += hand.bytes
        guard waiting.count < waitingMax, waitingBytes <= waitingBytesMax else {
            throw .malformed("too much about texts that wait for others")
        }
        waiting.append(hand)
    }

    /// Sends what begins before something else does: client libraries count.
    private mutating func sendBeginnings(to output: inout [UInt8]) {
        if waiting.isEmpty { return }
        for index in waiting.indices where waiting[index].event.begun != nil { waiting[index].needs = [] }
        sendWaiting(to: &output)
    }

    /// Sends the events that wait for nothing any more, those about one item or block in their order.
    private mutating func sendWaiting(to output: inout [UInt8]) {
        if waiting.isEmpty { return }
        var stay: [EventInHand] = []
        for hand in waiting {
            if hand.needs.isEmpty, !hand.isBehind(stay) {
                waitingBytes -= hand.bytes
                send(hand, to: &output)
            } else {
                stay.append(hand)
            }
        }
        waiting = stay
    }

    private mutating func send(_ hand: EventInHand, to output: inout [UInt8]) {
        if isBlocked || failure != nil { return }
        for input in events.takeInputs(endedBy: hand.event.ended) {
            do throws(UpstreamFailure) {
                if try !beside.judge(left: input) { return block() }
            } catch {
                failure = failure ?? error
                return
            }
        }
        var edits = hand.edits
        if !observesOnly {
            // What is held back leaves with a later event.
            if hand.event.isPiece, !hand.left.isEmpty, hand.left.values.allSatisfy(\.text.isEmpty) { return }
            for (node, text) in hand.left.values {
                let isUnchanged = hand.document.withUTF8(of: node) { $0.elementsEqual(text) }
                if !isUnchanged { edits.replace(node, withString: text) }
            }
        }
        for piece in hand.event.pieces {
            if let left = hand.left.values.first(where: { $0.node == piece.node }) {
                events.note(left.text, of: piece.text)
            }
        }
        events.prepare(hand.type, hand.document, isRedacted: isRedacted(hand), edits: &edits)
        output.append(contentsOf: "event: ".utf8)
        output.append(contentsOf: hand.type.utf8)
        output.append(contentsOf: "\ndata: ".utf8)
        hand.document.serialise(into: &output, edits: edits)
        output.append(contentsOf: "\n\n".utf8)
    }

    /// Whether what an event spells again may have lost something.
    private func isRedacted(_ hand: EventInHand) -> Bool {
        if observesOnly || hand.isRedacted { return !observesOnly }
        func isAbout(_ place: TextID) -> Bool {
            hand.event.ended.contains(place) || hand.event.pieces.contains { $0.text == place }
        }
        return redacted.contains(where: isAbout)
            || order.contains { flow in flow.latest.map { isAbout($0) && !flow.isClean($0) } ?? false }
    }

    /// Nothing more of the upstream leaves.
    private mutating func block() {
        isBlocked = true
        status = .ended
    }
}
