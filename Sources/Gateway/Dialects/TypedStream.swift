internal import Filtering
internal import JSON
internal import NIOCore

/// One text of a stream that grows piece by piece.
struct TextID: Hashable {
    /// What is said there, such as `response.output_text` or `thinking_delta`.
    var kind: String
    /// Of the item or block.
    var outer: Int
    /// Of the part in it.
    var inner = 0
}

/// What one event of a typed stream says.
struct TypedEvent {
    /// Pieces of texts, in order.
    var pieces: [(node: JSONNode, text: TextID)] = []
    /// Whether the event says nothing but its pieces.
    var isPiece = false
    /// Which texts have ended before it.
    var ended = Ended.none
    /// Whether the stream ends with it.
    var isLast = false

    enum Ended {
        case none
        case text(TextID)
        /// All of an item or block.
        case outer(Int)
        case all

        func contains(_ text: TextID) -> Bool {
            switch self {
            case .none: false
            case .text(let ended): ended == text
            case .outer(let outer): outer == text.outer
            case .all: true
            }
        }
    }
}

/// How a dialect's typed events are read, and how those look that the gateway adds.
protocol TypedEvents {
    /// Where events keep what is no text.
    static var places: ProtocolPlaces.Kind { get }

    /// Tokens as the upstream told them so far.
    var usage: Usage? { get }

    /// Reads one event.
    mutating func read(_ type: String, _ document: JSONDocument) throws(UpstreamFailure) -> TypedEvent

    /// Edits an event that is about to leave: the model's name, its number, what spells the text again.
    ///
    /// - Parameter isRedacted: whether something was taken out of the text that it is about.
    mutating func prepare(_ type: String, _ document: JSONDocument, isRedacted: Bool, edits: inout JSONEdits)

    /// Takes over from an event that may leave what events of our own say besides.
    mutating func learn(_ type: String, from document: JSONDocument)

    /// Whether a text is JSON, in which escapes may hide what it spells.
    func isJSON(_ text: TextID) -> Bool

    /// Takes down what has left of a text.
    mutating func note(_ left: [UInt8], of text: TextID)

    /// Writes an event that says the rest of a text.
    mutating func writePiece(_ rest: [UInt8], of text: TextID, to output: inout [UInt8])

    /// Writes the events by which a filter ends the stream.
    mutating func writeBlocked(_ tokens: Ending.Tokens, to output: inout [UInt8])
}

extension TypedEvents {
    mutating func note(_ left: [UInt8], of text: TextID) {}
    mutating func learn(_ type: String, from document: JSONDocument) {}
}

/// A streamed answer whose events say by their type what they are: OpenAI's responses and transcripts, Anthropic's
/// messages.
///
/// Every piece of a text is fed to the text's own screen; what a screen holds back stays out of the event and leaves with a
/// later one, at the latest before the event that ends the text. Whatever else an event says is judged with that event.
struct TypedStream<Events: TypedEvents>: AnswerStream {
    private var events: Events
    private let filter: FilterPolicy
    private let screener: Screener
    private let observesOnly: Bool
    private var parser: EventParser
    private var texts: [TextID: StreamChannel] = [:]
    /// In which they began.
    private var order: [TextID] = []
    private var ended: Set<TextID> = []
    private var beside: EventScreen
    private(set) var outputBytes = 0
    private(set) var status = StreamStatus.open

    /// An answer of more texts is no answer.
    private let textsMax = 1_024
    /// An event of a mebibyte may have half a million values, each of which takes 16 bytes.
    private let limits = JSONLimits(nodesMax: 100_000)

    init(_ events: Events, _ terms: StreamTerms) {
        self.events = events
        filter = terms.filter
        screener = terms.screener
        observesOnly = terms.observesOnly
        parser = EventParser(eventBytesMax: terms.eventBytesMax)
        beside = EventScreen(screener: terms.screener, filter: terms.filter, observesOnly: terms.observesOnly)
    }

    var hasText: Bool { outputBytes > 0 }
    var usage: Usage? { events.usage }

    var verdict: Verdict {
        texts.values.reduce(beside.verdict) { $0.combined(with: $1.screen.verdict) }
    }

    /// Events that end a text say all of it again, so what was found in its pieces counts once.
    var findings: [Finding] {
        if verdict == .allow { return [] }
        let found = order.flatMap { texts[$0]?.screen.findings ?? [] }
        let rules = Set(found.map(\.rule))
        return found + beside.findings.filter { !rules.contains($0.rule) }
    }

    private(set) var isBlocked = false

    mutating func feed(_ bytes: ByteBuffer, to output: inout [UInt8]) throws(UpstreamFailure) {
        parser.feed(bytes)
        while status == .open, let event = try parser.next() {
            try take(event, to: &output)
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
        if try flush(event.ended, to: &output) { return }
        var edits = JSONEdits()
        let left = try feed(event, of: document, edits: &edits)
        let isClean = beside.judge(
            Passage(of: document, as: Events.places, skipping: Set(event.pieces.map(\.node))), edits: &edits)
        if !observesOnly, beside.isBlocked || event.pieces.contains(where: { isTextBlocked($0.text) }) {
            return block()
        }
        if isClean { events.learn(type, from: document) }
        if event.isLast { status = .ended }
        // What is held back leaves with a later event.
        if event.isPiece, !observesOnly, !left.isEmpty, left.allSatisfy(\.bytes.isEmpty) { return }
        for (text, bytes) in left { events.note(bytes, of: text) }
        events.prepare(type, document, isRedacted: isRedacted(event), edits: &edits)
        Self.write(type, document, edits, to: &output)
    }

    private func isTextBlocked(_ text: TextID) -> Bool { texts[text]?.screen.isBlocked ?? false }

    /// Whether what an event spells again may have lost something.
    private func isRedacted(_ event: TypedEvent) -> Bool {
        if observesOnly { return false }
        return texts.contains { id, channel in
            (event.ended.contains(id) || event.pieces.contains { $0.text == id }) && !channel.isClean
        }
    }

    /// Feeds an event's pieces to the screens of their texts, and edits them to what may leave.
    ///
    /// - Returns: what may leave of each piece that says something.
    private mutating func feed(
        _ event: TypedEvent, of document: JSONDocument, edits: inout JSONEdits
    ) throws(UpstreamFailure) -> [(text: TextID, bytes: [UInt8])] {
        var left: [(text: TextID, bytes: [UInt8])] = []
        for (node, id) in event.pieces where document.utf8CountMax(of: node) > 0 {
            let channel = try channel(of: id)
            var output: [UInt8] = []
            let isUnchanged = document.withUTF8(of: node) { text in
                outputBytes += text.count
                channel.feed(text, to: &output)
                return output.count == text.count && output.elementsEqual(text)
            }
            if !observesOnly, !isUnchanged { edits.replace(node, withString: output) }
            left.append((id, output))
        }
        return left
    }

    private mutating func channel(of id: TextID) throws(UpstreamFailure) -> StreamChannel {
        guard !ended.contains(id) else { throw .malformed("text after its end") }
        if let channel = texts[id] { return channel }
        guard order.count < textsMax else { throw .malformed("more texts than an answer can have") }
        let channel = StreamChannel(
            isJSON: events.isJSON(id), screen: screener.stream(side: .completion, policy: filter))
        texts[id] = channel
        order.append(id)
        return channel
    }

    /// Decides on all that is held of texts that have ended, and says what may leave.
    ///
    /// - Returns: whether that blocked the stream.
    private mutating func flush(_ scope: TypedEvent.Ended, to output: inout [UInt8]) throws(UpstreamFailure) -> Bool {
        if case .none = scope { return false }
        for id in order where scope.contains(id) && ended.insert(id).inserted {
            guard let channel = texts[id] else { continue }
            var rest: [UInt8] = []
            channel.finish(to: &rest)
            if observesOnly { continue }
            if channel.screen.isBlocked {
                block()
                return true
            }
            guard !rest.isEmpty else { continue }
            events.note(rest, of: id)
            events.writePiece(rest, of: id, to: &output)
        }
        return false
    }

    /// Nothing more of the upstream leaves.
    private mutating func block() {
        isBlocked = true
        status = .ended
    }

    private static func write(
        _ type: String, _ document: JSONDocument, _ edits: JSONEdits, to output: inout [UInt8]
    ) {
        output.append(contentsOf: "event: ".utf8)
        output.append(contentsOf: type.utf8)
        output.append(contentsOf: "\ndata: ".utf8)
        document.serialise(into: &output, edits: edits)
        output.append(contentsOf: "\n\n".utf8)
    }
}

extension [UInt8] {
    /// Appends an event of our own, of which `body` writes the members.
    mutating func appendEvent(_ type: String, _ body: (inout JSONWriter) -> Void) {
        append(contentsOf: "event: ".utf8)
        append(contentsOf: type.utf8)
        append(contentsOf: "\ndata: ".utf8)
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("type" as StaticString)
            writer.string(type)
            body(&writer)
        }
        append(contentsOf: writer.bytes)
        append(contentsOf: "\n\n".utf8)
    }
}
