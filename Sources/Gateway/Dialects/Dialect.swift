internal import Access
internal import JSON
internal import Records

/// How a caller and a model server speak. Outside this folder, only `Route` knows one from another.
package enum Dialect: String, Sendable, Hashable, CaseIterable {
    case chatCompletions = "chat_completions"
    case completions
    case embeddings
    case responses
    case messages
    case tokenCounts = "token_counts"
    case images
    case transcriptions

    /// Its place among all cases.
    var index: Int {
        switch self {
        case .chatCompletions: 0
        case .completions: 1
        case .embeddings: 2
        case .responses: 3
        case .messages: 4
        case .tokenCounts: 5
        case .images: 6
        case .transcriptions: 7
        }
    }

    /// What it is like; in the file of its name.
    var traits: DialectTraits {
        switch self {
        case .chatCompletions: ChatCompletions.traits
        case .completions: Completions.traits
        case .embeddings: Embeddings.traits
        case .responses: Responses.traits
        case .messages: Messages.traits
        case .tokenCounts: Messages.countTraits
        case .images: Images.traits
        case .transcriptions: Transcriptions.traits
        }
    }

    /// Reads what the gateway must know, and refuses what no server could make sense of.
    func facts(of document: JSONDocument, settings: DialectSettings) throws(PathExit) -> RequestFacts {
        let reader = FieldReader(document)
        try reader.requireObject()
        switch self {
        case .chatCompletions: return try ChatCompletions.facts(reader, settings)
        case .completions: return try Completions.facts(reader, settings)
        case .embeddings: return try Embeddings.facts(reader, settings)
        case .responses: return try Responses.facts(reader, settings)
        case .messages: return try Messages.facts(reader, settings)
        case .tokenCounts: return try Messages.countFacts(reader, settings)
        case .images: return try Images.facts(reader, settings)
        case .transcriptions: return try Transcriptions.facts(reader, settings)
        }
    }

    /// A whole answer, as the gateway reads and edits it.
    func answer(_ document: JSONDocument) -> any AnswerTree {
        switch self {
        case .chatCompletions, .completions: CompletionTree(dialect: self, document: document)
        case .embeddings: EmbeddingTree(document: document)
        case .responses: ResponseTree(document: document)
        case .messages: MessageTree(document: document)
        case .tokenCounts: TokenCountTree(document: document)
        case .images: ImageTree(document: document)
        case .transcriptions: TranscriptTree(document: document)
        }
    }
}

/// Whose API a dialect belongs to, which says how errors, limits and lists of models look.
enum API: Sendable {
    case openAI
    case anthropic

    /// OpenTelemetry's `gen_ai.provider.name`.
    var providerName: String {
        switch self {
        case .openAI: "openai"
        case .anthropic: "anthropic"
        }
    }
}

/// What sets one dialect apart, as data. A class, so that a request that looks something up counts one reference.
final class DialectTraits: Sendable {
    /// Below an upstream's base path.
    let path: StaticString
    let api: API
    /// OpenTelemetry's `gen_ai.operation.name`.
    let operationName: StaticString
    /// What a key must be allowed for it.
    let scope: KeyScope
    /// How records name it.
    let recordDialect: RecordDialect
    /// Whether its requests are forms with a file.
    let isForm: Bool
    /// Whether its answers are pictures, which no filter sees.
    let answersInPictures: Bool
    /// Whether its answers are numbers, in which nothing can be given back.
    let answersInNumbers: Bool
    /// Whether events of its streams are named by their type, so that an error among them has to be too.
    let namesEvents: Bool
    /// The member in which a server is told the output cap, where the caller named none.
    let outputCapMember: StaticString?
    /// Where its requests keep what is no text.
    let requestPlaces: ProtocolPlaces.Kind
    /// Where its answers do.
    let answerPlaces: ProtocolPlaces.Kind

    init(
        path: StaticString, api: API = .openAI, operationName: StaticString, scope: KeyScope = .inference,
        recordDialect: RecordDialect, isForm: Bool = false, answersInPictures: Bool = false,
        answersInNumbers: Bool = false,
        namesEvents: Bool = false,
        outputCapMember: StaticString? = nil,
        requestPlaces: ProtocolPlaces.Kind = .request, answerPlaces: ProtocolPlaces.Kind = .completion
    ) {
        self.path = path
        self.api = api
        self.operationName = operationName
        self.scope = scope
        self.recordDialect = recordDialect
        self.isForm = isForm
        self.answersInPictures = answersInPictures
        self.answersInNumbers = answersInNumbers
        self.namesEvents = namesEvents
        self.outputCapMember = outputCapMember
        self.requestPlaces = requestPlaces
        self.answerPlaces = answerPlaces
    }
}

/// A whole answer: where it keeps what the gateway reads and writes.
protocol AnswerTree: Sendable {
    /// Tokens as the upstream counted them. Nonsense is read as nothing, so that it can't be charged.
    var usage: Usage? { get }

    /// Refuses what is no whole answer in the dialect. A server may say 200 and then that it failed.
    func check(choicesExpected: Int) throws(UpstreamFailure)

    /// Takes out what spells the text again and can't be kept in step with it.
    ///
    /// - Parameter isRedacted: whether something of the text was taken out; if not, only what spells something else goes.
    func dropSpellings(isRedacted: Bool, besides edits: inout JSONEdits)

    /// The answer with nothing said in it, ended by the content filter; `nil` in a dialect whose answers have no way to
    /// say so. It is written anew, so that nothing is in it that the upstream said but words and numbers of the protocol.
    ///
    /// - Parameter mayLeave: judges one of those words.
    func withheld(model: String, mayLeave: (JSONNode) -> Bool) -> [UInt8]?
}

extension AnswerTree {
    var usage: Usage? { nil }
    func dropSpellings(isRedacted: Bool, besides edits: inout JSONEdits) {}
    func withheld(model: String, mayLeave: (JSONNode) -> Bool) -> [UInt8]? { nil }
}

extension JSONDocument {
    /// Refuses an answer that is no object, or an error in spite of its status.
    func checkAnswer() throws(UpstreamFailure) {
        guard kind(root) == .object else { throw .malformed("an answer that is no object") }
        if let error = member("error", of: root), !isNull(error) { throw .malformed("an error with status 200") }
    }

    /// A count of tokens below `object`; `nil` where it is missing or nonsense.
    func tokenCount(_ name: StaticString, of object: JSONNode) -> Int? {
        member(name, of: object).flatMap(int).flatMap { (0...Int(Int32.max)).contains($0) ? $0 : nil }
    }
}

/// Bounds that every dialect keeps.
package struct DialectSettings: Sendable {
    /// Of a conversation; also how many texts one request may have completed or embedded.
    package var messagesMax = 4_096
    package var choicesMax = 128

    package init() {}
}

/// What the gateway must know of a request, whatever its dialect.
struct RequestFacts: Sendable {
    var model: String
    var isStream = false
    /// Whether the caller asked for the usage chunk of a stream.
    var asksForUsage = false
    /// How many answers are generated; tokens are reserved for each.
    var choices = 1
    /// How many of them come back, where a server is to pick the best.
    var choicesReturned: Int?
    /// The output cap per answer that the request names.
    var outputTokensMax: Int?
    /// The member that names it, for errors.
    var outputCapName: StaticString?
    /// What no text filter can read in it, each with its place.
    var unscreenable: [(what: Unscreenable, param: String)] = []
    /// Strings in it that are data, which `unscreenable` tells of.
    var data: Set<JSONNode> = []
    /// Whether the answer is plain text instead of JSON.
    var answersInText = false
    /// Whether the server is to be told that it must keep nothing.
    var mustNotBeStored = false

    /// How many answers may come; more are none that anybody asked for.
    var choicesExpected: Int { choicesReturned ?? choices }
}
