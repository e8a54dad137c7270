internal import Filtering
internal import JSON

/// One growing text of a streamed answer: what a choice says, thinks, refuses with, or passes to a tool.
final class StreamChannel {
    /// Where its pieces stand in an event's choice, such as `delta/content` or `delta/tool_calls/#0/function/arguments`.
    let path: [Step]
    let screen: StreamScreen
    private(set) var fed = 0

    enum Step: Hashable {
        case member(String)
        /// An array element, told by its member `index` as these APIs do.
        case element(Int)
    }

    init(path: [Step], screen: StreamScreen) {
        self.path = path
        self.screen = screen
    }

    /// Judges a piece; what may leave now.
    func feed(_ piece: UnsafeBufferPointer<UInt8>, to output: inout [UInt8]) {
        fed += piece.count
        screen.feed(piece, to: &output)
    }

    /// A choice's members down to this text, for an event of our own that carries the rest of it.
    func write(_ text: [UInt8], into writer: inout JSONWriter) {
        write(path[...], text, into: &writer)
    }

    private func write(_ path: ArraySlice<Step>, _ text: [UInt8], into writer: inout JSONWriter) {
        guard let step = path.first else { return writer.string(utf8: text) }
        switch step {
        case .member(let name):
            writer.key(name)
            let rest = path.dropFirst()
            switch rest.first {
            case nil: writer.string(utf8: text)
            case .member:
                writer.beginObject()
                write(rest, text, into: &writer)
                writer.endObject()
            case .element: write(rest, text, into: &writer)
            }
        case .element(let index):
            writer.beginArray()
            writer.beginObject()
            writer.key("index" as StaticString)
            writer.int(index)
            write(path.dropFirst(), text, into: &writer)
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

    init(index: Int) {
        self.index = index
    }

    func channel(at path: [StreamChannel.Step]) -> StreamChannel? {
        channels.first { $0.path == path }
    }

    /// Whether all of its text has left as it came.
    var isClean: Bool {
        channels.allSatisfy { !$0.screen.hasRedacted && $0.screen.decidedOffset == $0.fed }
    }

    /// Forgets what was redacted where no log-probabilities wait for it.
    func forgetRedactions() {
        for channel in channels where !channel.screen.redactions.isEmpty {
            let isSpelled = channel.path == StreamWalk.content
            channel.screen.forgetRedactions(
                before: isSpelled ? logProbabilities.firstNeeded(channel.fed) : .max)
        }
    }
}
