internal import Filtering

/// Where a text of a stream stands, and how its events tell it.
struct TextID: Hashable {
    /// What is said there, such as `response.output_text` or `thinking_delta`.
    var kind: String
    /// Of the item or block.
    var outer: Int
    /// Of the part in it.
    var inner = 0
    var telling = Telling.pieces

    /// A stream may tell a text several times: in pieces, then all of it with the end of the text, of the part and of the
    /// item. Readers take one of these tellings, so that each is a text of its own.
    enum Telling: Int, Hashable, CaseIterable {
        case pieces, text, part, item
    }

    /// The same text as `kind` of it stands nowhere in particular.
    var everywhere: TextID { TextID(kind: kind, outer: -1, inner: -1, telling: telling) }

    func isBehind(_ other: TextID) -> Bool { (other.outer, other.inner) < (outer, inner) }
}

/// What readers of a stream lay end to end, on its way: the text of one place, or of several in their order.
///
/// What the screen holds back may belong to places that have ended. So it is told apart by place when it comes out.
final class StreamFlow {
    /// All that is said at one place.
    struct Stretch {
        let place: TextID
        /// Among all of the stream.
        let number: Int
    }

    /// Something that may leave.
    struct Release {
        let stretch: Stretch
        let text: [UInt8]
        /// Whether that is all of the stretch.
        let isLast: Bool
        /// Whether something of it was redacted, as far as all of it is known.
        let isRedacted: Bool
    }

    let kind: String
    let telling: TextID.Telling
    /// Whether the text at one place may go on at the next.
    let isJoined: Bool
    private let channel: StreamChannel
    private let isSpaced: Bool
    /// Those of which something has not left, in order; the last may go on.
    private(set) var stretches: [Stretch] = []
    /// Where the latest text stood.
    private(set) var latest: TextID?
    private var hasEnded = true
    private(set) var isFinished = false

    /// - Parameters:
    ///   - place: where it begins.
    ///   - text: what it is laid together from; `nil` if it is the text of that place only.
    init(at place: TextID, _ text: JoinedText?, isJSON: Bool, screen: StreamScreen) {
        channel = StreamChannel(isJSON: isJSON, screen: screen)
        (kind, telling) = (place.kind, place.telling)
        isJoined = text != nil
        isSpaced = text?.isSpaced ?? false
    }

    var screen: StreamScreen { channel.screen }

    /// Whether nothing of a place is held, and nothing of what has left since it was last `isLast` was redacted.
    func isClean(_ place: TextID) -> Bool {
        !stretches.contains { $0.place == place } || stretches.count == 1 && channel.isClean
    }

    /// Judges what is said at a place.
    ///
    /// - Parameter number: of a stretch that would begin with it.
    /// - Returns: what may leave now, in order, and the stretch that it is of.
    /// - Throws: where readers would lay it elsewhere than behind what came before.
    func feed(
        _ text: UnsafeBufferPointer<UInt8>, at place: TextID, number: Int
    ) throws(UpstreamFailure) -> (stretch: Stretch, releases: [Release]) {
        var releases: [Release] = []
        if let latest, latest != place {
            guard place.isBehind(latest) else { throw .malformed("texts that take turns") }
            releases = beginNext()
        }
        if isFinished || latest == place && hasEnded { throw .malformed("text after its end") }
        latest = place
        if hasEnded { stretches.append(Stretch(place: place, number: number)) }
        hasEnded = false
        let stretch = stretches[stretches.count - 1]
        var output: [UInt8] = []
        channel.feed(text, to: &output)
        take(output, into: &releases)
        return (stretch, releases)
    }

    /// Ends the text at the latest place. What of it waits for the next one is still held.
    func beginNext() -> [Release] {
        guard !hasEnded else { return [] }
        hasEnded = true
        var (output, releases): ([UInt8], [Release]) = ([], [])
        channel.beginNext(isSpaced: isSpaced, to: &output)
        take(output, into: &releases)
        return releases
    }

    /// Lets go of a short tail of a place that has ended, since something else comes next.
    func letGoTail() -> [Release] {
        guard hasEnded, !stretches.isEmpty else { return [] }
        var (output, releases): ([UInt8], [Release]) = ([], [])
        channel.letGoTail(to: &output)
        take(output, into: &releases)
        return releases
    }

    /// Lets go of all that is held.
    func letGo() -> [Release] {
        var (output, releases): ([UInt8], [Release]) = ([], [])
        channel.screen.letGo(to: &output)
        take(output, into: &releases)
        return releases
    }

    /// Ends all of it: nothing is held any more.
    func finish() -> [Release] {
        guard !isFinished else { return [] }
        isFinished = true
        var (output, releases): ([UInt8], [Release]) = ([], [])
        channel.finish(to: &output)
        take(output, into: &releases)
        if let last = stretches.popLast() {
            let rest = releases.last?.isLast == false ? releases.removeLast().text : []
            releases.append(
                Release(stretch: last, text: rest, isLast: true, isRedacted: channel.screen.hasRedacted))
        }
        return releases
    }

    /// Tells apart what came out.
    private func take(_ output: [UInt8], into releases: inout [Release]) {
        var start = 0
        for end in channel.screen.ended {
            let text = Array(output[start..<end.outputEnd])
            releases.append(
                Release(
                    stretch: stretches.removeFirst(), text: text, isLast: true, isRedacted: end.isRedacted))
            start = end.outputEnd
        }
        guard start < output.count, let first = stretches.first else { return }
        releases.append(
            Release(stretch: first, text: Array(output[start...]), isLast: false, isRedacted: false))
    }
}
