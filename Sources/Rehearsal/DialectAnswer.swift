/// An event of a stream.
struct Event: Sendable {
    var value: Value
    /// Whether it carries a token, which is what rates and faults count.
    var isToken = false
}

/// A whole answer.
struct AnswerBody: Sendable {
    var contentType: String
    var bytes: [UInt8]

    static func json(_ value: Value) -> AnswerBody {
        AnswerBody(contentType: "application/json", bytes: value.encoded)
    }
}

/// An answer in one dialect: whole, and as the events of a stream, to which `EventStream` adds time, framing and faults.
/// Events are made as they are sent, so that an answer need not fit into the memory.
protocol DialectAnswer: Sendable {
    var asked: Asked { get }
    var whole: AnswerBody { get }
    var tokenCount: Int { get }
    /// Rounds of tokens; a rate is so many of them a second.
    var rounds: Int { get }

    /// The events before the first round.
    func opening() -> [Event]
    func round(_ place: Int) -> [Event]
    /// The events after the last round, with the finish reason; without those of the transport, such as `[DONE]`.
    func closing() -> [Event]
    /// The event that says in the answer's own terms that it failed; nil if the dialect has none.
    func failed(_ complaint: Complaint) -> Event?
}

extension DialectAnswer {
    func failed(_: Complaint) -> Event? { nil }
}

/// An answer of one choice that is told block by block: the output items of Responses, the content blocks of Messages.
protocol BlockAnswer: DialectAnswer {
    var completion: Completion { get }
    var blocks: [Completion.Block] { get }

    func open(_ block: Int) -> [Event]
    /// The event of a piece of text.
    /// - Parameter place: of the piece among all of the completion.
    func piece(_ text: String, of block: Int, at place: Int) -> Value
    func close(_ block: Int) -> [Event]
    /// The events after the last block.
    func ending() -> [Event]
}

extension BlockAnswer {
    var tokenCount: Int { completion.tokenCount }
    var rounds: Int { blocks.reduce(0) { $0 + completion.deltaCount(of: $1) } }

    /// What opens the piece's block before its first piece, and closes the block before.
    func round(_ place: Int) -> [Event] {
        var offset = place
        var block = 0
        while offset >= completion.deltaCount(of: blocks[block]) {
            offset -= completion.deltaCount(of: blocks[block])
            block += 1
        }
        var events: [Event] = []
        if offset == 0 { events = (block > 0 ? close(block - 1) : []) + open(block) }
        switch completion.delta(place) {
        case .reasoning(let text), .content(let text), .callArguments(_, let text):
            events.append(Event(value: piece(text, of: block, at: place), isToken: true))
        case .callStart:
            events[events.count - 1].isToken = true
        }
        return events
    }

    func closing() -> [Event] {
        guard let last = blocks.indices.last else { return ending() }
        return (rounds == 0 ? open(last) : []) + close(last) + ending()
    }
}
