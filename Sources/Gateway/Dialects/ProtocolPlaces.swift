internal import JSON

/// Where OpenAI's requests and answers keep what is no free text. Whatever stands elsewhere is text.
enum ProtocolPlaces: UInt8 {
    /// Free text in a place that is known, so that its key need not be screened.
    case text = 1
    /// A name of the protocol. Only a plain word there needs no screening.
    case identifier = 2
    /// Base 64 or an address of data, as long as it looks like it.
    case data = 3
    /// Log-probabilities of a whole answer: its text a second time, or dropped (`CompletionTree`).
    case spelled = 4
    /// A number of the protocol. A string there is text.
    case number = 5
    /// Text that is JSON: the arguments of a tool call.
    case arguments = 6
    /// A measured number, which may have many decimals.
    case quantity = 7
    /// The id of an answer, which nobody but the caller's log reads: it may lose a part.
    case answerID = 8
    /// A number drawn at random, which no model is told, and of which one in a hundred would pass for a card's.
    case seed = 9

    /// The id of a part, or padding: short and without the digits of anybody's number, it says nothing.
    case word = 10

    /// What a tree is. Each kind has places of its own, since what one has no use for can carry text in another.
    final class Kind: Sendable {
        let paths: JSONPaths
        /// Where arrays of parts stand that are joined to one text, by chat templates and by readers, whatever the parts
        /// are; `nil` is every element of an array.
        let joined: [[StaticString?]]
        /// Texts of an answer whose pieces stand in several places.
        let texts: [JoinedText]
        /// Whether a tree that is but a string may be subtitles.
        let hasCues: Bool
        /// Members whose texts are joined in this order.
        let adjoining: [StaticString]
        /// Data that is some only in objects of its type.
        let typed: [TypedData]
        /// Where trees stand that tools are given.
        let inputs: [[StaticString?]]
        /// Where trees stand whose lists may be texts.
        let lists: [[StaticString?]]
        /// Where texts stand that somebody else wrote than who asks.
        let brought: [BroughtText]
        /// Whether text may be JSON, in which escapes hide what it spells.
        let readsEscapes: Bool
        /// Whether it comes from a model.
        let isAnswer: Bool

        init(
            _ places: Places, joined: [[StaticString?]] = [], texts: [JoinedText] = [], hasCues: Bool = false,
            adjoining: [StaticString] = [], typed: [TypedData] = [], inputs: [[StaticString?]] = [],
            lists: [[StaticString?]] = [], brought: [BroughtText] = [],
            readsEscapes: Bool = false, isAnswer: Bool = false
        ) {
            paths = JSONPaths(places.flatMap { place in place.patterns.map { ($0, place.place.rawValue) } })
            self.joined = joined
            self.texts = texts
            self.hasCues = hasCues
            self.adjoining = adjoining
            self.typed = typed
            self.inputs = inputs
            self.lists = inputs + lists
            self.brought = brought
            self.readsEscapes = readsEscapes
            self.isAnswer = isAnswer
        }
    }

    typealias Places = [(place: ProtocolPlaces, patterns: [String])]

    /// A member that holds data in objects of some types. In others nobody expects any, so it is text there.
    struct TypedData: Sendable {
        /// Where the objects stand; `nil` is every element of an array.
        let objects: [StaticString?]
        let member: StaticString
        let types: [StaticString]
    }
}

extension ProtocolPlaces.Kind {
    /// A request of OpenAI's chat completions or embeddings.
    static let request = ProtocolPlaces.Kind(
        requestPlaces, joined: [["messages", nil, "content"]],
        brought: [BroughtText(path: ["messages", nil], member: "role", words: ["tool", "function"])])

    /// A request of the older completions, where a model fills in what stands between prompt and suffix.
    static let completionRequest = ProtocolPlaces.Kind(requestPlaces, adjoining: ["prompt", "suffix"])

    private static let requestPlaces: ProtocolPlaces.Places =
        [
            (
                .text,
                [
                    "messages", "messages/*/content", "messages/*/content/*/text", "messages/*/content/*/image_url",
                    "messages/*/content/*/input_audio", "messages/*/content/*/file", "messages/*/tool_calls",
                    "messages/*/tool_calls/*/function", "messages/*/tool_calls/*/function/name", "messages/*/name",
                    "tools", "tools/*/function", "tools/*/function/name", "tools/*/function/description",
                    "tools/*/function/parameters", "stop", "prompt", "suffix", "input", "user", "safety_identifier",
                    "stream", "stream_options", "stream_options/include_usage", "logit_bias", "response_format",
                ]
            ),
            (
                .arguments,
                [
                    "messages/*/tool_calls/*/function/arguments", "messages/*/tool_calls/*/custom/input",
                    "messages/*/function_call/arguments",
                ]
            ),
            (
                .number,
                [
                    "max_tokens", "max_completion_tokens", "n", "best_of", "temperature", "top_p",
                    "frequency_penalty", "presence_penalty", "logprobs", "top_logprobs", "dimensions",
                ]
            ),
            (
                .identifier,
                [
                    "model", "messages/*/role", "messages/*/tool_call_id", "messages/*/tool_calls/*/id",
                    "messages/*/tool_calls/*/type", "messages/*/content/*/type",
                    "messages/*/content/*/image_url/detail", "messages/*/content/*/input_audio/format",
                    "tools/*/type", "tool_choice", "tool_choice/type", "response_format/type", "reasoning_effort",
                    "service_tier", "verbosity", "encoding_format",
                ]
            ),
            (.seed, ["seed"]),
            (
                .data,
                [
                    "messages/*/content/*/image_url/url", "messages/*/content/*/input_audio/data",
                    "messages/*/content/*/file/file_data",
                ]
            ),
        ]

    /// An answer of OpenAI's chat completions or completions.
    static let completion = ProtocolPlaces.Kind(
        [
            (
                .text,
                [
                    "choices", "choices/*/message", "choices/*/message/content", "choices/*/message/content/*/text",
                    "choices/*/message/refusal", "choices/*/message/tool_calls",
                    "choices/*/message/tool_calls/*/function",
                    "choices/*/message/tool_calls/*/function/name", "choices/*/message/reasoning_content",
                    "choices/*/text", "choices/*/logprobs", "usage",
                ]
            ),
            (
                .arguments,
                [
                    "choices/*/message/tool_calls/*/function/arguments",
                    "choices/*/message/tool_calls/*/custom/input", "choices/*/message/function_call/arguments",
                ]
            ),
            (.number, ["created", "choices/*/index"] + usage),
            (.quantity, ["usage/*", "usage/*/*", "timings/*"]),
            (
                .identifier,
                [
                    "model", "object", "service_tier", "system_fingerprint", "choices/*/finish_reason",
                    "choices/*/message/role", "choices/*/message/content/*/type", "choices/*/message/tool_calls/*/id",
                    "choices/*/message/tool_calls/*/type",
                ]
            ),
            (.answerID, ["id"]),
            (.spelled, ["choices/*/logprobs/**"]),
        ], joined: [["choices", nil, "message", "content"]], lists: [["choices", nil, "message"]], isAnswer: true)

    static let embeddings = ProtocolPlaces.Kind(
        [
            (.text, ["data", "usage"]),
            (.number, ["created", "data/*/index"] + usage),
            (.quantity, ["data/*/embedding/*", "data/*/embedding/*/*", "usage/*", "usage/*/*"]),
            (.identifier, ["model", "object", "data/*/object"]),
            (.answerID, ["id"]),
            (.data, ["data/*/embedding"]),
        ], isAnswer: true)

    private static let usage = ["usage/prompt_tokens", "usage/completion_tokens", "usage/total_tokens"]
}
