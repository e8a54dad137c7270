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

    private(set) var fedBytes = 0
    /// The event carries the choice's finish reason.
    private(set) var finishes = false
    /// Something is left to say: text that may leave, a role, a tool call's id, the finish reason.
    private(set) var isWorthSending = false

    init(
        document: JSONDocument, choice: StreamChoice, screener: Screener, filter: FilterPolicy, observesOnly: Bool,
        channelsMax: Int
    ) {
        self.document = document
        self.choice = choice
        self.screener = screener
        self.filter = filter
        self.observesOnly = observesOnly
        self.channelsMax = channelsMax
    }

    mutating func run(_ node: JSONNode, edits: inout JSONEdits) throws(UpstreamFailure) {
        var logProbabilities: JSONNode?
        try document.forEachMember(of: node) { (key, value) throws(UpstreamFailure) in
            if document.utf8Equals(key, "finish_reason") {
                if document.isNull(value) { return }
                guard document.kind(value) == .string, ProtocolWord.isOne(value, in: document) else {
                    throw .malformed("a finish reason that is no word")
                }
                finishes = true
                isWorthSending = true
            } else if document.utf8Equals(key, "logprobs") {
                logProbabilities = value
            } else if !document.utf8Equals(key, "index") {
                try walk(value, key: key, path: [.member(document.string(key) ?? "")], edits: &edits)
            }
        }
        if let logProbabilities, !document.isNull(logProbabilities) {
            align(logProbabilities, of: node, edits: &edits)
        }
        choice.forgetRedactions()
    }

    private mutating func walk(
        _ node: JSONNode, key: JSONNode, path: [StreamChannel.Step], edits: inout JSONEdits
    ) throws(UpstreamFailure) {
        switch document.kind(node) {
        case .object:
            try document.forEachMember(of: node) { (key, value) throws(UpstreamFailure) in
                try walk(value, key: key, path: path + [.member(document.string(key) ?? "")], edits: &edits)
            }
        case .array:
            for (position, element) in document.elements(of: node).enumerated() {
                let index = document.member("index", of: element).flatMap(document.int) ?? position
                try walk(element, key: key, path: path + [.element(index)], edits: &edits)
            }
        case .string:
            if ProtocolWord.isKeyOfOne(key, in: document), ProtocolWord.isOne(node, in: document) {
                isWorthSending = true
            } else {
                try feed(node, path: path, edits: &edits)
            }
        case .number:
            // An element's own `index` says nothing by itself.
            if !document.utf8Equals(key, "index") { isWorthSending = true }
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
        let channel = try channel(at: path)
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
    }

    private func channel(at path: [StreamChannel.Step]) throws(UpstreamFailure) -> StreamChannel {
        if let channel = choice.channel(at: path) { return channel }
        guard choice.channels.count < channelsMax else { throw .malformed("more texts than a choice can have") }
        let channel = StreamChannel(path: path, screen: screener.stream(side: .completion, policy: filter))
        choice.channels.append(channel)
        return channel
    }

    /// What the log-probabilities of chat completions spell.
    static let content: [StreamChannel.Step] = [.member("delta"), .member("content")]

    /// Sends the log-probabilities of the text that has been decided on; those of held text follow with it.
    private mutating func align(_ node: JSONNode, of choiceNode: JSONNode, edits: inout JSONEdits) {
        guard !observesOnly else { return }
        let delta = document.member("delta", of: choiceNode)
        guard let delta, document.kind(node) == .object else {
            // The older shape, whose tokens always come with their text.
            if !choice.isClean { edits.replace(node, withRaw: Array("null".utf8)) }
            return
        }
        document.forEachMember(of: node) { key, value in
            if document.utf8Equals(key, "content"), document.kind(value) == .array,
                let channel = choice.channel(at: Self.content)
            {
                let text = document.member("content", of: delta)
                choice.logProbabilities.append(value, spelling: text, upTo: channel.fed, of: document)
                if choice.logProbabilities.isAligned {
                    let ready = choice.logProbabilities.release(
                        decided: channel.screen.decidedOffset, redactions: channel.screen.redactions)
                    return edits.replace(value, withRaw: ready)
                }
            }
            if !tellsNothingNew(value, delta) { edits.replace(value, withRaw: Array("null".utf8)) }
        }
    }

    /// Whether log-probabilities that can't be aligned spell no more than the event says, and all of that leaves.
    private func tellsNothingNew(_ node: JSONNode, _ delta: JSONNode) -> Bool {
        if document.isNull(node) { return true }
        guard choice.isClean, document.kind(node) == .array else { return false }
        var spelled: [UInt8] = []
        for entry in document.elements(of: node) {
            guard let token = document.member("token", of: entry) else { return false }
            document.appendUTF8(of: token, to: &spelled)
        }
        var said: [UInt8] = []
        document.forEachMember(of: delta) { key, value in
            if document.kind(value) == .string, !document.utf8Equals(key, "role") {
                document.appendUTF8(of: value, to: &said)
            }
        }
        return spelled == said
    }
}
