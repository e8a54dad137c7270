internal import JSON

/// The text of a JSON tree laid end to end, so that one scan screens all of it, and where each piece came from.
///
/// Every string is in it, every long number, and every key that is no word of the protocol, but for identifiers that
/// look like ones, and for data that no text filter reads (`Unscreenable` decided before whether it may be sent at all).
/// Pieces are parted by more white space than any rule passes over; the text parts of one message, which a chat template
/// joins, stand a second time without it.
struct Passage {
    struct Piece {
        let node: JSONNode
        let start: Int
        let end: Int
        let isKey: Bool
    }

    private(set) var bytes: [UInt8] = []
    private(set) var pieces: [Piece] = []
    /// Text that stands in the passage in place of the tree's own.
    private var plain: [JSONNode: [UInt8]] = [:]
    let document: JSONDocument

    /// Bytes of all pieces together.
    var textBytes: Int { bytes.count - pieces.count * Self.separatorBytes }

    /// A number of fewer digits is nobody's.
    static let digitsMin = 12
    static let noPlaces = JSONPaths([])
    private static let separatorBytes = 4

    init(of document: JSONDocument) {
        self.document = document
        bytes.reserveCapacity(document.bytes.count)
        pieces.reserveCapacity(min(document.nodeCount, 256))
        document.forEachString(paths: ProtocolPlaces.paths, andNumbersOf: Self.digitsMin) { place in
            if place.isKey {
                if !place.isNamed { append(place.node, isKey: true) }
            } else {
                appendValue(place)
            }
        }
        joinParts()
    }

    /// Of some members only, of which nothing is known: every key, string and long number in them is text.
    init(of members: [(key: JSONNode, value: JSONNode)], in document: JSONDocument) {
        self.document = document
        for member in members {
            append(member.key, isKey: true)
            document.forEachString(under: member.value, paths: Self.noPlaces, andNumbersOf: Self.digitsMin) {
                append($0.node, isKey: $0.isKey)
            }
        }
    }

    private mutating func appendValue(_ place: JSONStringPlace) {
        switch ProtocolPlaces(rawValue: place.label) {
        case .identifier where ProtocolWord.isOne(place.node, in: document): return
        case .data where document.kind(place.node) == .string && ProtocolWord.isData(place.node, in: document): return
        case .number where document.kind(place.node) == .number: return
        case .spelled: return
        case .arguments: appendArguments(place.node)
        default: append(place.node, isKey: false)
        }
    }

    private mutating func append(_ node: JSONNode, isKey: Bool) {
        let start = bytes.count
        document.appendUTF8(of: node, to: &bytes)
        pieces.append(Piece(node: node, start: start, end: bytes.count, isKey: isKey))
        separate()
    }

    /// White space, because views keep it as it is, which makes it cheap. Not a line's end first: some rules want one behind
    /// their last word.
    private mutating func separate() {
        bytes.append(0x0C)
        for _ in 1..<Self.separatorBytes { bytes.append(0x0A) }
    }

    /// Arguments of tools are JSON inside a string. Escapes that it has and does not need would hide what it spells.
    private mutating func appendArguments(_ node: JSONNode) {
        append(node, isKey: false)
        guard let last = pieces.last, let text = EscapedText.plain(bytes[last.start..<last.end]) else { return }
        bytes.removeLast(bytes.count - last.start)
        bytes.append(contentsOf: text)
        pieces[pieces.count - 1] = Piece(node: node, start: last.start, end: bytes.count, isKey: false)
        separate()
        plain[node] = text
    }

    /// Appends the text of a piece's node as it stands in the passage.
    func appendText(of node: JSONNode, to output: inout [UInt8]) {
        if !plain.isEmpty, let text = plain[node] { return output.append(contentsOf: text) }
        document.appendUTF8(of: node, to: &output)
    }

    private mutating func joinParts() {
        guard let messages = document.member("messages", of: document.root) else { return }
        for message in document.elements(of: messages) {
            guard let content = document.member("content", of: message), document.kind(content) == .array,
                document.count(of: content) > 1
            else { continue }
            for part in document.elements(of: content) {
                guard let text = document.member("text", of: part), document.kind(text) == .string else { continue }
                append(text, isKey: false)
                bytes.removeLast(Self.separatorBytes)
            }
            separate()
        }
    }
}

/// Where OpenAI's requests and answers keep what is no free text. Whatever stands elsewhere is text.
enum ProtocolPlaces: UInt8 {
    /// Free text in a place that is known, so that its key need not be screened.
    case text = 1
    /// A name of the protocol, as long as it looks like one.
    case identifier = 2
    /// Base 64 or an address of data, as long as it looks like it.
    case data = 3
    /// Log-probabilities: the answer's text a second time, dropped where that is redacted.
    case spelled = 4
    /// A number of the protocol. A string there is text.
    case number = 5
    /// Text that is JSON: the arguments of a tool call.
    case arguments = 6

    static let paths = JSONPaths(
        [
            (
                text,
                [
                    "messages", "messages/*/content", "messages/*/content/*/text", "messages/*/content/*/image_url",
                    "messages/*/content/*/input_audio", "messages/*/content/*/file", "messages/*/tool_calls",
                    "messages/*/tool_calls/*/function", "messages/*/tool_calls/*/function/name", "messages/*/name",
                    "tools", "tools/*/function", "tools/*/function/name", "tools/*/function/description",
                    "tools/*/function/parameters", "stop", "prompt", "suffix", "input", "user", "safety_identifier",
                    "stream", "stream_options", "stream_options/include_usage", "logit_bias", "response_format",
                    "choices", "choices/*/message", "choices/*/message/content", "choices/*/message/refusal",
                    "choices/*/message/tool_calls", "choices/*/message/tool_calls/*/function",
                    "choices/*/message/tool_calls/*/function/name", "choices/*/message/reasoning_content",
                    "choices/*/text", "choices/*/logprobs", "usage", "data",
                ]
            ),
            (
                arguments,
                [
                    "messages/*/tool_calls/*/function/arguments", "messages/*/function_call/arguments",
                    "choices/*/message/tool_calls/*/function/arguments", "choices/*/message/function_call/arguments",
                ]
            ),
            (
                number,
                [
                    "max_tokens", "max_completion_tokens", "n", "best_of", "temperature", "top_p", "seed",
                    "frequency_penalty", "presence_penalty", "logprobs", "top_logprobs", "dimensions", "created",
                    "choices/*/index", "data/*/index", "usage/prompt_tokens", "usage/completion_tokens",
                    "usage/total_tokens",
                ]
            ),
            (
                identifier,
                [
                    "model", "messages/*/role", "messages/*/tool_call_id", "messages/*/tool_calls/*/id",
                    "messages/*/tool_calls/*/type", "messages/*/content/*/type",
                    "messages/*/content/*/image_url/detail", "messages/*/content/*/input_audio/format",
                    "tools/*/type", "tool_choice", "tool_choice/type", "response_format/type", "reasoning_effort",
                    "service_tier", "verbosity", "encoding_format", "id", "object", "system_fingerprint",
                    "choices/*/finish_reason", "choices/*/message/role", "choices/*/message/tool_calls/*/id",
                    "choices/*/message/tool_calls/*/type", "data/*/object",
                ]
            ),
            (
                data,
                [
                    "messages/*/content/*/image_url/url", "messages/*/content/*/input_audio/data",
                    "messages/*/content/*/file/file_data", "data/*/embedding",
                ]
            ),
            (spelled, ["choices/*/logprobs/**"]),
        ].flatMap { (place: ProtocolPlaces, patterns: [String]) in patterns.map { ($0, place.rawValue) } })
}

/// What a word of the protocol looks like. The look is asked besides the place, because some chat templates print such
/// fields, and text could be sent in them.
enum ProtocolWord {
    /// Whether a string is short and of letters, digits and the signs that ids have.
    static func isOne(_ node: JSONNode, in document: JSONDocument) -> Bool {
        guard document.utf8CountMax(of: node) <= 128 else { return false }
        return document.withUTF8(of: node) { text in
            // So many digits may be a number that is somebody's.
            var digits = 0
            return text.allSatisfy { byte in
                switch byte {
                case 0x30...0x39:
                    digits += 1
                    return digits < 12
                case 0x2D: return true
                case 0x41...0x5A, 0x61...0x7A, 0x2E, 0x2F, 0x3A, 0x5F:
                    digits = 0
                    return true
                default: return false
                }
            }
        }
    }

    /// Whether a value can't say anything: a word of the protocol, or a number that is nobody's.
    static func isHarmless(_ node: JSONNode, in document: JSONDocument) -> Bool {
        switch document.kind(node) {
        case .string, .number: isOne(node, in: document)
        case .true, .false, .null: true
        case .object, .array: false
        }
    }

    /// Whether a string is base 64, alone or as a `data:` address.
    static func isData(_ node: JSONNode, in document: JSONDocument) -> Bool {
        document.withUTF8(of: node) { text in
            var body = text[...]
            if text.starts(with: "data:".utf8) {
                guard let comma = text.prefix(256).firstIndex(of: 0x2C) else { return false }
                body = text[(comma + 1)...]
            }
            return body.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2F, 0x3D, 0x2D, 0x5F: true
                default: false
                }
            }
        }
    }

    /// Keys of streamed choices under which protocol words stand.
    private static let keys: [StaticString] = ["role", "type", "id"]

    static func isKeyOfOne(_ key: JSONNode, in document: JSONDocument) -> Bool {
        keys.contains { document.utf8Equals(key, $0) }
    }
}
