/// A way in which an answer goes wrong on purpose.
package enum Fault: String, Sendable, CaseIterable {
    // Before the answer.
    /// Never answers.
    case hang
    /// Closes the connection without a byte.
    case close
    /// Resets the connection (TCP RST) without a byte.
    case reset
    /// Answers with bytes that are not HTTP, then closes.
    case garbage

    // In the head.
    case contentType = "content-type"
    /// Claims `content-encoding: gzip` for a plain body.
    case gzip
    /// Gives a `content-length` twice, with different values.
    case doubleLength = "double-length"
    /// Gives `content-length` and `transfer-encoding: chunked`.
    case lengthAndChunked = "length-and-chunked"
    /// A head of more than 256 KiB.
    case hugeHead = "huge-head"

    // In the middle of the body.
    case hangMidStream = "hang-mid-stream"
    case resetMidStream = "reset-mid-stream"
    /// Closes the connection in the middle of the body, between events.
    case truncated
    /// Closes the connection in the middle of an event.
    case truncatedEvent = "truncated-event"
    /// An event with an error in the middle of a stream.
    case errorMidStream = "error-mid-stream"
    /// A chunk size that is no number, in the middle of a stream.
    case badChunk = "bad-chunk"
    /// Every byte by itself.
    case drip
    /// Content of 32 MiB, or of as many bytes as `bytes` says.
    case huge

    // In the meaning.
    /// A stream that ends after its last token, without finish reason and end mark, the HTTP answer in order.
    case noDone = "no-done"
    /// An answer without finish reason, whose stream has its end mark.
    case noFinish = "no-finish"
    case noUsage = "no-usage"
    /// Chat and completions: usage on the finish chunk, whose `choices` are not empty.
    case usageWithChoices = "usage-with-choices"
    /// No choices, output items, content blocks or images.
    case emptyChoices = "empty-choices"
    /// Responses alone: the status `failed`, in a stream by `response.failed`.
    case failed
    /// Status 200 with an error in the body.
    case errorIn200 = "error-in-200"
    /// `event:` and `id:` lines, comments and CRLF line ends, which a reader of server-sent events must take.
    case unusualEvents = "unusual-events"

    // In the JSON text.
    /// A body or event that is no JSON.
    case garbageJSON = "garbage-json"
    case invalidUTF8 = "invalid-utf8"
    case loneSurrogate = "lone-surrogate"
    case duplicateKeys = "duplicate-keys"
    case trailingBytes = "trailing-bytes"
    case notFinite = "not-finite"
    /// Arrays nested a hundred deep.
    case deep

    /// Whether it spoils the text of a body or event.
    var isInText: Bool {
        self == .garbageJSON || self == .trailingBytes || self == .duplicateKeys || member != nil
    }

    /// The JSON text with the fault in it.
    func spoiling(_ json: [UInt8]) -> [UInt8] {
        switch self {
        case .garbageJSON: return Array("<rehearsed garbage>".utf8)
        case .trailingBytes: return json + Array(" {}".utf8)
        case .duplicateKeys:
            // The first member's name, with another value before its own.
            let name = json.dropFirst().prefix { $0 != UInt8(ascii: ":") }
            return json.prefix(1) + name + Array(":\"first\",".utf8) + json.dropFirst()
        default:
            guard let member, let first = json.first else { return json }
            return [first] + member + json.dropFirst()
        }
    }

    /// What stands in the JSON text after the first brace.
    private var member: [UInt8]? {
        switch self {
        case .invalidUTF8: Array("\"rehearsal\":\"".utf8) + [0xFF, 0xFE] + Array("\",".utf8)
        case .loneSurrogate: Array("\"rehearsal\":\"\\ud800\",".utf8)
        case .notFinite: Array("\"rehearsal\":1e999,".utf8)
        case .deep:
            Array("\"rehearsal\":".utf8) + Array(repeating: UInt8(ascii: "["), count: 100)
                + Array(repeating: UInt8(ascii: "]"), count: 100) + Array(",".utf8)
        default: nil
        }
    }
}
