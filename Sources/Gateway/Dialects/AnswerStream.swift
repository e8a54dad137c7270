internal import Filtering
internal import NIOCore

/// A streamed answer on its way from upstream to caller: events in, judged events out. No I/O.
protocol AnswerStream {
    var status: StreamStatus { get }
    var verdict: Verdict { get }
    var findings: [Finding] { get }
    var isBlocked: Bool { get }
    /// Tokens as the upstream counted them.
    var usage: Usage? { get }
    /// Bytes of text that came.
    var outputBytes: Int { get }
    var hasText: Bool { get }

    /// Takes bytes of the upstream in; appends events that may leave.
    mutating func feed(_ bytes: ByteBuffer, to output: inout [UInt8]) throws(UpstreamFailure)

    /// What all texts that grow go through, in the order in which they began.
    var screens: [StreamScreen] { get }

    /// Bytes of text that have left or were taken out, however often they are told.
    var releasedBytes: Int { get }

    /// Lets out what texts hold back, which has waited for long enough.
    mutating func letGo(to output: inout [UInt8])

    /// Writes all of a stream that a filter has ended before anything of it left.
    mutating func withhold(_ tokens: Ending.Tokens, to output: inout [UInt8])

    /// The upstream has closed the stream; throws if it may not.
    func checkEnd() throws(UpstreamFailure)

    /// Ends the stream with what is still to be said: that a filter ended it, the usage, the mark of the end.
    mutating func writeEnd(_ tokens: Ending.Tokens, to output: inout [UInt8])
}

extension AnswerStream {
    /// Whether a filter holds any text back.
    var holdsText: Bool { screens.contains { $0.heldCount > 0 } }
}

enum StreamStatus: Equatable {
    case open
    /// Everything that may leave has, but for `writeEnd`.
    case ended
}

/// What a stream is judged by, and how it is written.
struct StreamTerms {
    let dialect: Dialect
    let filter: FilterPolicy
    let screener: Screener
    var asksForUsage = true
    /// How many answers the request asks for.
    var choicesExpected = 1
    var observesOnly = false
    /// In place of the upstream's name of the model, where that differs from the caller's.
    var modelName: String?
    var eventBytesMax = 1 << 20
    /// Of all choices of a completion together.
    var textsMax = 512
    /// Keeps the texts for who wants to read them as a whole; `nil` where nobody does.
    var keeper: TextKeeper?
    /// Keeps them as they came.
    var originals: TextKeeper?
    /// What is to be given back in it.
    var placeholders = Placeholders()
}

/// Makes what the texts of one stream go through.
final class ScreenMaker {
    private let terms: StreamTerms

    init(_ terms: StreamTerms) { self.terms = terms }

    /// - Parameter isText: whether it is text, and no name of something that nobody asked to be called otherwise.
    func screen(isText: Bool = true) -> StreamScreen {
        terms.screener.stream(
            side: .completion, policy: terms.filter,
            .init(
                keeper: terms.keeper, originals: terms.originals, placeholders: isText ? terms.placeholders : nil))
    }
}

extension Dialect {
    /// - Precondition: the dialect streams.
    func stream(_ terms: StreamTerms) -> any AnswerStream {
        switch self {
        case .chatCompletions, .completions: CompletionStream(terms)
        case .responses: TypedStream(ResponseEvents(terms), terms)
        case .messages: TypedStream(MessageEvents(terms), terms)
        case .transcriptions: TypedStream(TranscriptEvents(), terms)
        case .embeddings, .tokenCounts, .images: preconditionFailure("A dialect without streams.")
        }
    }
}
