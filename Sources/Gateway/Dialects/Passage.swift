internal import JSON

/// The text of a JSON tree laid end to end, so that one scan screens all of it, and where each piece came from.
///
/// Every string is in it, and every key that is no word of the protocol, but for identifiers that look like ones, and
/// for data that no text filter reads (`Unscreenable` decided before whether it may be sent at all). Pieces are parted
/// by U+001E, which no word and no number contains; the text parts of one message, which a chat template joins, stand a
/// second time without it.
struct Passage {
    struct Piece {
        let node: JSONNode
        let start: Int
        let end: Int
        let isKey: Bool
    }

    private(set) var bytes: [UInt8] = []
    private(set) var pieces: [Piece] = []
    let document: JSONDocument

    private static let separator: UInt8 = 0x1E

    init(of document: JSONDocument) {
        self.document = document
        bytes.reserveCapacity(document.bytes.count)
        pieces.reserveCapacity(min(document.nodeCount, 256))
        document.forEachString(paths: ProtocolPlaces.paths) { place in
            if place.isKey {
                if !place.isNamed { append(place.node, isKey: true) }
                return
            }
            switch ProtocolPlaces(rawValue: place.label) {
            case .identifier where ProtocolWord.isOne(place.node, in: document): return
            case .data where ProtocolWord.isData(place.node, in: document): return
            case .spelled: return
            default: append(place.node, isKey: false)
            }
        }
        joinParts()
    }

    private mutating func append(_ node: JSONNode, isKey: Bool) {
        let start = bytes.count
        document.appendUTF8(of: node, to: &bytes)
        pieces.append(Piece(node: node, start: start, end: bytes.count, isKey: isKey))
        bytes.append(Self.separator)
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
                bytes.removeLast()
            }
            bytes.append(Self.separator)
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

    static let paths = JSONPaths(
        [
            (
                text,
                [
                    "messages", "messages/*/content", "messages/*/content/*/text", "messages/*/content/*/image_url",
                    "messages/*/content/*/input_audio", "messages/*/content/*/file", "messages/*/tool_calls",
                    "messages/*/tool_calls/*/function", "messages/*/tool_calls/*/function/name",
                    "messages/*/tool_calls/*/function/arguments", "messages/*/name", "tools", "tools/*/function",
                    "tools/*/function/name", "tools/*/function/description", "tools/*/function/parameters", "stop",
                    "prompt", "suffix", "input", "user", "safety_identifier", "stream", "stream_options",
                    "stream_options/include_usage", "max_tokens", "max_completion_tokens", "n", "best_of",
                    "temperature", "top_p", "seed", "frequency_penalty", "presence_penalty", "logit_bias", "logprobs",
                    "top_logprobs", "dimensions", "response_format", "choices", "choices/*/index", "choices/*/message",
                    "choices/*/message/content", "choices/*/message/refusal", "choices/*/message/tool_calls",
                    "choices/*/message/tool_calls/*/function", "choices/*/message/tool_calls/*/function/name",
                    "choices/*/message/tool_calls/*/function/arguments", "choices/*/message/reasoning_content",
                    "choices/*/text", "choices/*/logprobs", "usage", "usage/prompt_tokens", "usage/completion_tokens",
                    "usage/total_tokens", "created", "data", "data/*/index",
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
