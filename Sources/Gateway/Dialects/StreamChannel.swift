internal import Filtering
internal import JSON

/// One growing text of a streamed answer: what it says, thinks, refuses with, or passes to a tool.
final class StreamChannel {
    /// Where readers find it in an event's choice, such as `delta/content` or `delta/tool_calls/#0/function/arguments`.
    let place: [Step]
    /// Where its latest piece stood. Content may be a text in one event and a list of texts in the next.
    var path: [Step]
    let screen: StreamScreen
    /// Bytes that the screen was fed.
    private(set) var fed = 0
    /// Text that is JSON: the arguments of a tool call. Escapes that it has and does not need would hide what it spells.
    private let isJSON: Bool
    /// The beginning of an escape, whose end comes with the next piece.
    private var cut: [UInt8] = []
    /// The elements of lists in which its latest piece stood, where a list is one text.
    var parts: [Part] = []

    /// What an element of a list says besides its text.
    struct Part: Equatable {
        var type: String?
        var index: Int?
    }

    enum Step: Hashable {
        case member(String)
        /// An array element, told by its member `index` as these APIs do.
        case element(Int)
    }

    init(place: [Step], screen: StreamScreen) {
        self.place = place
        path = place
        self.screen = screen
        isJSON = place.last == .member("arguments") || place.suffix(2) == [.member("custom"), .member("input")]
    }

    /// A text that stands in no choice.
    init(isJSON: Bool, screen: StreamScreen) {
        (place, path) = ([], [])
        self.screen = screen
        self.isJSON = isJSON
    }

    /// Judges a piece; what may leave now.
    func feed(_ piece: UnsafeBufferPointer<UInt8>, to output: inout [UInt8]) {
        if isJSON, !cut.isEmpty || piece.contains(0x5C) {
            let text = cut + piece
            let end = EscapedText.completeEnd(of: text[...])
            cut = Array(text[end...])
            (EscapedText.plain(text[..<end]) ?? Array(text[..<end])).withUnsafeBufferPointer {
                screenNext($0, to: &output)
            }
        } else {
            screenNext(piece, to: &output)
        }
    }

    private func screenNext(_ text: UnsafeBufferPointer<UInt8>, to output: inout [UInt8]) {
        fed += text.count
        screen.feed(text, to: &output)
        // Only log-probabilities, which stand in choices, need to know what was taken out.
        if place.isEmpty, !screen.redactions.isEmpty { screen.forgetRedactions(before: .max) }
    }

    /// Ends a text with which the next one goes on; what of it may leave now.
    func beginNext(isSpaced: Bool, to output: inout [UInt8]) {
        screen.beginNext(isSpaced: isSpaced, to: &output)
    }

    /// Lets go of the little that waits for a text to go on with it.
    func letGoTail(to output: inout [UInt8]) {
        screen.letGo(bytesMax: Self.tailBytesMax, to: &output)
    }

    /// The first letters of a key or of a small word, in which most texts end that are held at all; no more of a number than
    /// anybody may see.
    private static let tailBytesMax = 3

    /// Ends the text; the rest of it that may leave.
    func finish(to output: inout [UInt8]) {
        if !cut.isEmpty {
            (EscapedText.plain(cut[...]) ?? cut).withUnsafeBufferPointer { screenNext($0, to: &output) }
            cut = []
        }
        screen.finish(to: &output)
    }

    /// Whether all of the text, where there are several of the latest, has left as it came.
    var isClean: Bool { !screen.hasRedacted && screen.decidedOffset == fed && cut.isEmpty }

    /// A choice's members down to this text, for an event of our own that carries the rest of it.
    func write(_ text: [UInt8], into writer: inout JSONWriter) {
        write(path[...], parts[...], text, into: &writer)
    }

    private func write(
        _ path: ArraySlice<Step>, _ parts: ArraySlice<Part>, _ text: [UInt8], into writer: inout JSONWriter
    ) {
        guard let step = path.first else { return writer.string(utf8: text) }
        switch step {
        case .member(let name):
            writer.key(name)
            let rest = path.dropFirst()
            switch rest.first {
            case nil: writer.string(utf8: text)
            case .member:
                writer.beginObject()
                write(rest, parts, text, into: &writer)
                writer.endObject()
            case .element: write(rest, parts, text, into: &writer)
            }
        case .element where path.count == 1:
            writer.array { $0.string(utf8: text) }
        case .element(let index):
            let part = parts.first ?? Part(index: index)
            writer.beginArray()
            writer.beginObject()
            if let type = part.type {
                writer.key("type" as StaticString)
                writer.string(type)
            }
            if let index = part.index {
                writer.key("index" as StaticString)
                writer.int(index)
            }
            write(path.dropFirst(), parts.dropFirst(), text, into: &writer)
            writer.endObject()
            writer.endArray()
        }
    }
}

/// One answer of a streamed completion.
final class StreamChoice {
    let index: Int
    var channels: [StreamChannel] = []
    /// It has been given its finish reason, by the upstream or by a filter; nothing more of it leaves.
    var isFinished = false
    var isBlocked = false
    var logProbabilities = LogProbabilityQueue()
    /// What stands beside its texts.
    var aside = AsideScreen()

    /// Of choices, and of the elements in them.
    static let indexMax = 4_095

    init(index: Int) {
        self.index = index
    }

    /// An index as it stands in an event; `nil` if it is no number, out of bounds, or longer than it need be.
    static func index(_ node: JSONNode, of document: JSONDocument) -> Int? {
        guard document.source(of: node).count <= 4, let index = document.int(node), (0...indexMax).contains(index)
        else { return nil }
        return index
    }

    func channel(at place: [StreamChannel.Step]) -> StreamChannel? {
        channels.first { $0.place == place }
    }

    /// Whether all of its text has left as it came.
    var isClean: Bool {
        channels.allSatisfy(\.isClean)
    }

    /// The `logprobs` of what has been decided on of the content, of events before.
    func releaseLogProbabilities(of content: StreamChannel) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("content" as StaticString)
            writer.raw(
                logProbabilities.release(
                    decided: content.screen.decidedOffset, redactions: content.screen.redactions))
        }
        return writer.bytes
    }

    /// Forgets what was redacted where no log-probabilities wait for it.
    func forgetRedactions() {
        for channel in channels where !channel.screen.redactions.isEmpty {
            let isSpelled = channel.place == StreamWalk.content
            channel.screen.forgetRedactions(
                before: isSpelled ? logProbabilities.firstNeeded(channel.fed) : .max)
        }
    }
}
