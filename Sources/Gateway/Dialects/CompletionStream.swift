internal import Filtering
internal import JSON
internal import NIOCore

/// A streamed completion on its way from upstream to caller: events in, judged events out. No I/O.
///
/// Every string of every choice is fed to the screen of its channel; what a screen holds back stays out of the event
/// and leaves with a later one. Before a choice's finish reason leaves, all that is held of it has been decided.
struct CompletionStream {
    enum Status: Equatable {
        case open
        /// `[DONE]`, or everything that may leave has.
        case ended
    }

    private let dialect: Dialect
    private let filter: FilterPolicy
    private let screener: Screener
    private let asksForUsage: Bool
    private let observesOnly: Bool
    /// In place of the upstream's, where that differs from the caller's.
    private let modelName: [UInt8]?
    private var parser: EventParser
    private var choices: [StreamChoice] = []
    private(set) var usage: Usage?
    private(set) var outputBytes = 0
    private(set) var status = Status.open
    private(set) var hasText = false
    /// The first members of every event, for events of our own.
    private var envelope: [UInt8]?

    /// Of one answer: what it says, thinks and refuses with, and its tool calls with name and arguments.
    private static let channelsMax = 160
    private static let choicesMax = 128

    init(
        dialect: Dialect, filter: FilterPolicy, screener: Screener, asksForUsage: Bool, observesOnly: Bool,
        modelName: [UInt8]?, eventBytesMax: Int
    ) {
        self.dialect = dialect
        self.filter = filter
        self.screener = screener
        self.asksForUsage = asksForUsage
        self.observesOnly = observesOnly
        self.modelName = modelName
        parser = EventParser(eventBytesMax: eventBytesMax)
    }

    // MARK: - What the filters said

    var verdict: Verdict {
        let screens = choices.flatMap(\.channels).map(\.screen)
        return screens.reduce(.allow) { $0.combined(with: $1.verdict) }
    }

    var findings: [Finding] { choices.flatMap(\.channels).flatMap(\.screen.findings) }

    var isBlocked: Bool { choices.contains(where: \.isBlocked) }

    // MARK: - Events

    /// Takes bytes of the upstream in; appends events that may leave.
    mutating func feed(_ bytes: ByteBuffer, to output: inout [UInt8]) throws(UpstreamFailure) {
        var events: [[UInt8]] = []
        try parser.feed(bytes) { (event) throws(UpstreamFailure) in events.append(event) }
        for event in events where status == .open {
            try take(event, to: &output)
        }
    }

    /// The upstream has closed the stream.
    func checkEnd() throws(UpstreamFailure) {
        guard status == .ended || (!choices.isEmpty && choices.allSatisfy(\.isFinished)) else { throw .closedEarly }
    }

    private mutating func take(_ event: [UInt8], to output: inout [UInt8]) throws(UpstreamFailure) {
        if event.elementsEqual("[DONE]".utf8) {
            guard choices.allSatisfy(\.isFinished) else {
                throw .malformed("an end before the finish reason")
            }
            status = .ended
            return
        }
        let document: JSONDocument
        do throws(JSONError) {
            document = try JSONDocument(parsing: event)
        } catch {
            throw .malformed("an event with \(error.problem.rawValue)")
        }
        let tree = CompletionTree(dialect: dialect, document: document)
        if tree.saysError { throw .malformed("an error in the stream") }
        guard document.kind(document.root) == .object, let elements = tree.choices else {
            throw .malformed("an event without choices")
        }
        if envelope == nil { envelope = makeEnvelope(of: document) }
        var edits = JSONEdits()
        let hasUsage = readUsage(tree, into: &edits)
        if let modelName, document.member("model", of: document.root) != nil {
            edits.setMember("model", raw: modelName, of: document.root)
        }
        let count = document.count(of: document.member("choices", of: document.root)!)
        var isSilent = count > 0
        for choice in elements {
            if try take(choice, of: document, edits: &edits, to: &output) { isSilent = false }
        }
        if isSilent && !hasUsage { return }
        // The usage chunk that only we asked for stays here.
        if count == 0, hasUsage, !asksForUsage { return }
        write(document, edits, to: &output)
        if isBlocked, choices.allSatisfy(\.isFinished) { status = .ended }
    }

    private func write(_ document: JSONDocument, _ edits: JSONEdits, to output: inout [UInt8]) {
        output.append(contentsOf: "data: ".utf8)
        document.serialise(into: &output, edits: edits)
        output.append(contentsOf: "\n\n".utf8)
    }

    /// Keeps the upstream's count, and takes it out of the event where the caller did not ask for it.
    private mutating func readUsage(_ tree: CompletionTree, into edits: inout JSONEdits) -> Bool {
        guard let key = tree.document.memberKey("usage", of: tree.document.root) else { return false }
        if let usage = tree.usage { self.usage = usage }
        if !asksForUsage { edits.removeMember(key) }
        return tree.usage != nil
    }

    // MARK: - Choices

    /// Judges one choice of an event. `false` if nothing of it is left to say.
    private mutating func take(
        _ node: JSONNode, of document: JSONDocument, edits: inout JSONEdits, to output: inout [UInt8]
    ) throws(UpstreamFailure) -> Bool {
        guard document.kind(node) == .object else { throw .malformed("a choice that is no object") }
        let index = document.member("index", of: node).flatMap(document.int) ?? 0
        let choice = try choice(at: index)
        if choice.isFinished {
            // Text may follow only in a choice that a filter has ended, and is dropped; empty events are common.
            guard choice.isBlocked || !saysMore(node, of: document) else {
                throw .malformed("text after the finish reason")
            }
            return false
        }
        var walk = StreamWalk(
            document: document, choice: choice, screener: screener, filter: filter, observesOnly: observesOnly,
            channelsMax: Self.channelsMax)
        try walk.run(node, edits: &edits)
        outputBytes += walk.fedBytes
        if walk.fedBytes > 0 { hasText = true }
        if !observesOnly, choice.channels.contains(where: \.screen.isBlocked) {
            finishBlocked(choice, to: &output)
            return false
        }
        guard walk.finishes else { return walk.isWorthSending }
        flush(choice, to: &output)
        if choice.isFinished { return false }
        choice.isFinished = true
        return true
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

    private mutating func choice(at index: Int) throws(UpstreamFailure) -> StreamChoice {
        if let choice = choices.first(where: { $0.index == index }) { return choice }
        guard choices.count < Self.choicesMax else { throw .malformed("more choices than anybody asked for") }
        let choice = StreamChoice(index: index)
        choices.append(choice)
        return choice
    }

    /// Decides on all that is held of a choice, and sends what may leave in events of our own.
    private mutating func flush(_ choice: StreamChoice, to output: inout [UInt8]) {
        for channel in choice.channels {
            var rest: [UInt8] = []
            channel.screen.finish(to: &rest)
            guard !observesOnly else { continue }
            if channel.screen.isBlocked { return finishBlocked(choice, to: &output) }
            let isSpelled = channel.path == StreamWalk.content && !choice.logProbabilities.isEmpty
            guard !rest.isEmpty || isSpelled else { continue }
            let spelled = choice.logProbabilities.release(
                decided: isSpelled ? channel.fed : -1, redactions: channel.screen.redactions)
            writeOwn(choice.index, to: &output) { writer in
                channel.write(rest, into: &writer)
                guard isSpelled else { return }
                writer.key("logprobs" as StaticString)
                writer.object {
                    $0.key("content" as StaticString)
                    $0.raw(spelled)
                }
            }
        }
    }

    private mutating func finishBlocked(_ choice: StreamChoice, to output: inout [UInt8]) {
        choice.isBlocked = true
        choice.isFinished = true
        writeOwn(choice.index, finishReason: "content_filter", to: &output) { writer in
            switch dialect {
            case .chatCompletions:
                writer.key("delta" as StaticString)
                writer.object { _ in }
            default:
                writer.key("text" as StaticString)
                writer.string("")
            }
        }
        if choices.allSatisfy(\.isFinished) { status = .ended }
    }

    // MARK: - Events of our own

    private func makeEnvelope(of document: JSONDocument) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        for name in ["id", "object", "created", "model"] as [StaticString] {
            guard let node = document.member(name, of: document.root) else { continue }
            writer.key(name)
            if let modelName, document.utf8Equals(document.memberKey(name, of: document.root)!, "model") {
                writer.raw(modelName)
            } else {
                writer.value(node, of: document)
            }
        }
        writer.endObject()
        return Array(writer.bytes.dropFirst().dropLast())
    }

    private func writeOwn(
        _ index: Int, finishReason: String? = nil, to output: inout [UInt8], _ body: (inout JSONWriter) -> Void
    ) {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("index" as StaticString)
        writer.int(index)
        body(&writer)
        writer.key("finish_reason" as StaticString)
        if let finishReason { writer.string(finishReason) } else { writer.null() }
        writer.endObject()
        output.append(contentsOf: "data: {".utf8)
        if let envelope, !envelope.isEmpty {
            output.append(contentsOf: envelope)
            output.append(0x2C)
        }
        output.append(contentsOf: #""choices":["#.utf8)
        output.append(contentsOf: writer.bytes)
        output.append(contentsOf: "]}\n\n".utf8)
    }

    /// The usage chunk, where the caller asked for it and a filter ended the stream before the upstream sent it.
    func writeUsage(_ tokens: Ending.Tokens, to output: inout [UInt8]) {
        guard asksForUsage, usage == nil, let envelope else { return }
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("prompt_tokens" as StaticString)
        writer.int(tokens.input)
        writer.key("completion_tokens" as StaticString)
        writer.int(tokens.output)
        writer.key("total_tokens" as StaticString)
        writer.int(tokens.total)
        writer.endObject()
        output.append(contentsOf: "data: {".utf8)
        output.append(contentsOf: envelope)
        output.append(contentsOf: #","choices":[],"usage":"#.utf8)
        output.append(contentsOf: writer.bytes)
        output.append(contentsOf: "}\n\n".utf8)
    }
}
