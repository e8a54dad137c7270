internal import JSON

/// What one event of a typed stream says.
struct TypedEvent {
    /// Pieces of texts, in order.
    var pieces: [Piece] = []
    /// Whether the event says nothing but its pieces.
    var isPiece = false
    /// Which texts have ended before it.
    var ended = Ended.none
    /// Where an item, a part or a block begins: what kinds of text may be said in it.
    var begun: [String]?
    /// The item or block that it is about.
    var outer: Int?
    /// Whether the stream ends with it.
    var isLast = false

    struct Piece {
        var node: JSONNode
        var text: TextID
        var way = Way.goesOn
    }

    enum Way {
        /// Goes on with what was said at its place.
        case goesOn
        /// Nothing may have been said there before.
        case begins
        /// All that is said there. What is held of it can't leave with another event, so the event waits.
        case isWhole
    }

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

    /// Texts that readers lay end to end.
    static var joined: [JoinedText] { get }

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

    /// Takes what has left of texts that have ended and that clients read as JSON trees, as tools are given them.
    mutating func takeInputs(endedBy ended: TypedEvent.Ended) -> [[UInt8]]

    /// Writes an event that says the rest of a text.
    mutating func writePiece(_ rest: [UInt8], of text: TextID, to output: inout [UInt8])

    /// Nothing of what was to leave has.
    mutating func forgetLeft()

    /// Writes the events by which a filter ends the stream.
    mutating func writeBlocked(_ tokens: Ending.Tokens, to output: inout [UInt8])
}

extension TypedEvents {
    mutating func note(_ left: [UInt8], of text: TextID) {}
    mutating func learn(_ type: String, from document: JSONDocument) {}
    mutating func forgetLeft() {}
    mutating func takeInputs(endedBy ended: TypedEvent.Ended) -> [[UInt8]] { [] }
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
