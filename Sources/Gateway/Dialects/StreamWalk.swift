internal import Filtering
internal import JSON

/// Feeds every string of one event's choice to the screen of its channel, and edits the event to what may leave.
struct StreamWalk {
    let document: JSONDocument
    let choice: StreamChoice
    let screener: Screener
    let filter: FilterPolicy
    let observesOnly: Bool
    let channelsMax: Int
    private let maker: ScreenMaker

    private(set) var fedBytes = 0
    /// The event carries the choice's finish reason.
    private(set) var finishes = false
    /// Something is left to say: text that may leave, a role, a tool call's id, the finish reason.
    private(set) var isWorthSending = false
    /// Where the choice ends: what was held of texts of which the event says nothing.
    private(set) var rests: [(channel: StreamChannel, text: [UInt8])] = []
    /// The elements of lists of content, down to the one that is walked.
    private var parts: [JSONNode] = []
    /// Where the choice ends: the event's last piece of each text, and what of it may leave before the text's end is known.
    private var pieces: [(channel: StreamChannel, node: JSONNode, output: [UInt8])] = []

    init(
        document: JSONDocument, choice: StreamChoice, screener: Screener, filter: FilterPolicy, observesOnly: Bool,
        channelsMax: Int, maker: ScreenMaker
    ) {
        self.document = document
        self.choice = choice
        self.screener = screener
        self.filter = filter
        self.observesOnly = observesOnly
        self.channelsMax = channelsMax
        self.maker = maker
    }

    mutating func run(_ node: JSONNode, edits: inout JSONEdits) throws(UpstreamFailure) {
        var logProbabilities: JSONNode?
        if let reason = document.member("finish_reason", of: node), !document.isNull(reason) { try finish(reason) }
        try document.forEachMember(of: node) { (key, value) throws(UpstreamFailure) in
            if document.utf8Equals(key, "logprobs") {
                if !document.isNull(value) { logProbabilities = value }
            } else if !document.utf8Equals(key, "index"), !document.utf8Equals(key, "finish_reason") {
                try walk(value, key: key, path: [.member(name(of: key))], edits: &edits)
            }
        }
        if finishes { finishTexts(edits: &edits) }
        if let logProbabilities {
            align(logProbabilities, of: node, edits: &edits)
        } else if let content = pieces.first(where: { $0.channel.place == Self.content })?.channel,
            !choice.logProbabilities.isEmpty
        {
            // Of events before, for text that leaves with this one.
            edits.setMember("logprobs", raw: choice.releaseLogProbabilities(of: content), of: node)
        }
        choice.forgetRedactions()
    }

    private mutating func finish(_ reason: JSONNode) throws(UpstreamFailure) {
        guard document.kind(reason) == .string, ProtocolWord.isOne(reason, in: document) else {
            throw .malformed("a finish reason that is no word")
        }
        judge(word: reason)
        finishes = true
        isWorthSending = true
    }

    /// Names that say nothing, those of most events first.
    private static let names: [StaticString] = [
        "delta", "content", "role", "text", "tool_calls", "index", "function", "arguments", "name", "id", "type",
        "refusal", "reasoning_content", "reasoning", "function_call",
    ]

    /// The name of a member, judged unless the protocol has it.
    private func name(of key: JSONNode) -> String {
        let name = document.string(key) ?? ""
        if !Self.names.contains(where: { document.utf8Equals(key, $0) }) {
            choice.aside.judge(name, screener, filter, observesOnly: observesOnly)
        }
        return name
    }

    /// Judges a word of the protocol, which may be a long one.
    private func judge(word node: JSONNode) {
        guard !ProtocolWord.isPlain(node, in: document), let word = document.string(node) else { return }
        choice.aside.judge(word, screener, filter, observesOnly: observesOnly)
    }

    /// Whether a string is a word of the protocol, which is judged then, and need not be held back.
    ///
    /// Client libraries join what comes at one place, be it a word or not.
    private func isWord(_ node: JSONNode, at path: [StreamChannel.Step]) throws(UpstreamFailure) -> Bool {
        if ProtocolWord.isConstant(node, in: document) { return true }
        let isWord = ProtocolWord.isOne(node, in: document) && choice.channel(at: path) == nil
        if isWord { judge(word: node) }
        if isWord || choice.aside.hasWords(at: path) {
            var text: [UInt8] = []
            document.appendUTF8(of: node, to: &text)
            try choice.aside.join(text, at: path, screener, filter, observesOnly: observesOnly)
        }
        return isWord
    }

    private mutating func walk(
        _ node: JSONNode, key: JSONNode, path: [StreamChannel.Step], edits: inout JSONEdits
    ) throws(UpstreamFailure) {
        switch document.kind(node) {
        case .object:
            try document.forEachMember(of: node) { (key, value) throws(UpstreamFailure) in
                try walk(value, key: key, path: path + [.member(name(of: key))], edits: &edits)
            }
        case .array where path.starts(with: Self.content):
            // Readers join what the elements say, so it is one text.
            for element in document.elements(of: node) where !choice.aside.isBlocked {
                parts.append(element)
                try walk(element, key: key, path: path + [.element(0)], edits: &edits)
                parts.removeLast()
            }
        case .array:
            judge(list: node)
            for (position, element) in document.elements(of: node).enumerated() where !choice.aside.isBlocked {
                let index = document.member("index", of: element).flatMap(document.int) ?? position
                try walk(element, key: key, path: path + [.element(index)], edits: &edits)
            }
        case .string:
            if case .element = path.last, !path.starts(with: Self.content) {
                try judge(element: node, of: Array(path.dropLast()), edits: &edits)
            } else if ProtocolWord.isKeyOfOne(key, in: document), try isWord(node, at: path) {
                isWorthSending = true
            } else {
                try feed(node, path: path, edits: &edits)
            }
        case .number:
            if document.utf8Equals(key, "index") {
                // An element's own says nothing by itself.
                guard StreamChoice.index(node, of: document) != nil else { throw .malformed("an index out of bounds") }
            } else {
                isWorthSending = true
                let replacement = try choice.aside.replacement(
                    for: node, of: document, screener, filter, observesOnly: observesOnly)
                if let replacement { edits.replace(node, withString: replacement) }
            }
        case .true, .false:
            isWorthSending = true
        case .null:
            return
        }
    }

    private mutating func feed(
        _ node: JSONNode, path: [StreamChannel.Step], edits: inout JSONEdits
    ) throws(UpstreamFailure) {
        if document.utf8CountMax(of: node) == 0 {
            // The empty content beside a role.
            return
        }
        let channel = try channel(at: Self.place(of: path))
        channel.path = path
        channel.parts = parts.map(part)
        // Readers may take what comes at such a place for a value that is told again, instead of joining it.
        if channel.fed > 0, !Self.areJoined(path), let text = document.string(node) {
            choice.aside.judge(text, screener, filter, observesOnly: observesOnly)
        }
        var output: [UInt8] = []
        let isUnchanged = document.withUTF8(of: node) { text in
            fedBytes += text.count
            channel.feed(text, to: &output)
            return output.count == text.count && output.elementsEqual(text)
        }
        if observesOnly {
            isWorthSending = true
            return
        }
        if !output.isEmpty { isWorthSending = true }
        if !isUnchanged { edits.replace(node, withString: output) }
        guard finishes else { return }
        pieces.removeAll { $0.channel === channel }
        pieces.append((channel, node, output))
    }

    /// Decides on all that is held of the choice. The rest of a text of which this event has a piece goes behind that piece;
    /// sent before the event, it would stand before what it follows. The rests of others leave before the event.
    private mutating func finishTexts(edits: inout JSONEdits) {
        for channel in choice.channels {
            var rest: [UInt8] = []
            channel.finish(to: &rest)
            if observesOnly { continue }
            if let piece = pieces.first(where: { $0.channel === channel }) {
                if !rest.isEmpty { edits.replace(piece.node, withString: piece.output + rest) }
            } else {
                rests.append((channel, rest))
            }
        }
    }

    /// Judges a string of a list, such as a citation: by itself, since nothing goes on with it, and behind those before.
    private mutating func judge(
        element node: JSONNode, of list: [StreamChannel.Step], edits: inout JSONEdits
    ) throws(UpstreamFailure) {
        var text: [UInt8] = []
        document.appendUTF8(of: node, to: &text)
        fedBytes += text.count
        isWorthSending = true
        let redacted = choice.aside.redacted(text, screener, filter, observesOnly: observesOnly)
        if let redacted { edits.replace(node, withString: redacted) }
        // What is left of it may go on in the next one.
        try choice.aside.join(
            redacted ?? text, at: list, isWord: false, screener, filter, observesOnly: observesOnly)
    }

    /// Judges a list in which numbers are groups of digits, each of which is too short to be judged.
    private func judge(list node: JSONNode) {
        guard document.elements(of: node).contains(where: { document.kind($0) == .number }), document.spellsText(node)
        else { return }
        var text: [UInt8] = []
        for element in document.elements(of: node) { document.withUTF8(of: element) { text.append(contentsOf: $0) } }
        choice.aside.judge(String(decoding: text, as: UTF8.self), screener, filter, observesOnly: observesOnly)
    }

    /// Where readers find what stands at a path: what is content is one text, be it a list or not. An object is neither, so
    /// that each of its members is a text.
    private static func place(of path: [StreamChannel.Step]) -> [StreamChannel.Step] {
        guard path.starts(with: content) else { return path }
        let rest = path.dropFirst(content.count)
        guard case .element = rest.first, rest.count == 1 || rest.count == 2 && rest.last == .member("text")
        else { return path }
        return content
    }

    /// What an element says that its text needs where that leaves by itself.
    private func part(_ element: JSONNode) -> StreamChannel.Part {
        let type = document.member("type", of: element).flatMap { type in
            document.kind(type) == .string && ProtocolWord.isOne(type, in: document) ? document.string(type) : nil
        }
        let index = document.member("index", of: element).flatMap { StreamChoice.index($0, of: document) }
        return StreamChannel.Part(type: type, index: index)
    }

    private func channel(at place: [StreamChannel.Step]) throws(UpstreamFailure) -> StreamChannel {
        if let channel = choice.channel(at: place) { return channel }
        guard choice.channels.count < channelsMax else { throw .malformed("more texts than an answer can have") }
        let channel = StreamChannel(place: place, screen: maker.screen(isText: place.last != .member("id")))
        choice.channels.append(channel)
        return channel
    }

    /// Whether every reader joins what comes at a place.
    private static func areJoined(_ path: [StreamChannel.Step]) -> Bool {
        path.first == .member("delta") || path.first == .member("text")
    }

    /// What the log-probabilities of chat completions spell.
    static let content: [StreamChannel.Step] = [.member("delta"), .member("content")]

    /// Sends the log-probabilities of the text that has been decided on; those of held text follow with it. They are
    /// written anew, so that nothing else leaves with them.
    private func align(_ node: JSONNode, of choiceNode: JSONNode, edits: inout JSONEdits) {
        guard !observesOnly else { return }
        guard let delta = document.member("delta", of: choiceNode), document.kind(node) == .object else {
            let older = OlderLogProbabilities(document: document)
            let text = document.member("text", of: choiceNode)
            let isClean = choice.isClean
            let plain = text.flatMap {
                isClean ? older.json(of: node, spelling: $0, after: &choice.logProbabilities.ranks) : nil
            }
            return edits.replace(node, withRaw: plain ?? Self.null)
        }
        var writer = JSONWriter()
        writer.object { writer in
            document.forEachMember(of: node) { key, value in
                if document.utf8Equals(key, "content") {
                    writer.key("content" as StaticString)
                    writer.raw(released(value, of: delta) ?? plain(value, of: delta))
                } else if document.utf8Equals(key, "refusal") {
                    writer.key("refusal" as StaticString)
                    writer.raw(plain(value, of: delta))
                }
            }
        }
        edits.replace(node, withRaw: writer.bytes)
    }

    private static let null = Array("null".utf8)

    /// Queues the entries of an event's content; those that may leave now. `nil` if they can't be aligned.
    private func released(_ node: JSONNode, of delta: JSONNode) -> [UInt8]? {
        guard document.kind(node) == .array, let channel = choice.channel(at: Self.content) else { return nil }
        let text = document.member("content", of: delta)
        choice.logProbabilities.append(node, spelling: text, upTo: channel.fed, of: document)
        guard choice.logProbabilities.isAligned else { return nil }
        return choice.logProbabilities.release(
            decided: channel.screen.decidedOffset, redactions: channel.screen.redactions)
    }

    /// Log-probabilities that can't be aligned; `null` unless they spell what the event says, and all of that leaves.
    private func plain(_ node: JSONNode, of delta: JSONNode) -> [UInt8] {
        guard choice.isClean, document.kind(node) == .array else { return Self.null }
        var spelled: [UInt8] = []
        for entry in document.elements(of: node) {
            guard let token = document.member("token", of: entry) else { return Self.null }
            document.appendUTF8(of: token, to: &spelled)
        }
        var said: [UInt8] = []
        document.forEachMember(of: delta) { key, value in
            if document.kind(value) == .string, !document.utf8Equals(key, "role") {
                document.appendUTF8(of: value, to: &said)
            }
        }
        guard spelled == said, !said.isEmpty || document.count(of: node) == 0 else { return Self.null }
        var writer = JSONWriter()
        writer.array { writer in
            for entry in document.elements(of: node) {
                let json = LogProbability(document: document).json(of: entry, after: &choice.logProbabilities.ranks)
                if let json { writer.raw(json) }
            }
        }
        return writer.bytes
    }
}
