import Filtering
import JSON
import NIOCore
import Testing

@testable import Gateway

/// A filter of four rules, and streams made to measure.
struct Bench {
    let policy: FilterPolicy
    let screener = Screener()

    /// A number with a right check digit, made here so that no test holds a card's.
    static let card: String = {
        let body = "400000000000000"
        let sum = body.reversed().enumerated().reduce(0) { sum, item in
            let digit = item.element.wholeNumberValue! * (item.offset.isMultiple(of: 2) ? 2 : 1)
            return sum + (digit > 9 ? digit - 9 : digit)
        }
        return body + String((10 - sum % 10) % 10)
    }()
    static let key = "-----BEGIN PRIVATE KEY-----"

    /// Made once: compiling takes longer than most tests.
    private static let made = Result { try make() }

    init() throws { policy = try Self.made.get() }

    private static func make() throws -> FilterPolicy {
        let rules = try FilterRules([
            Rule(
                id: "test/card", category: Category("pii.card"), pattern: #"\b(?:[0-9][ -]?){12,18}[0-9]\b"#,
                check: .card),
            Rule(
                id: "test/key", category: Category("secret.private_key"),
                pattern: "-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----"),
            Rule(id: "test/word", category: Category("profanity"), pattern: #"\bdarn\b"#, view: .skeleton),
            Rule(id: "test/project", category: Category("privacy"), pattern: #"\bnightingale\b"#, view: .skeleton),
        ])
        return try FilterPolicy(rules) { rule, _ in
            switch rule.id {
            case "test/card": Enforcement(.redact, clause: "privacy")
            case "test/key", "test/project": Enforcement(.block, clause: "secrets")
            default: Enforcement(.flag)
            }
        }
    }

    func stream(
        asksForUsage: Bool = false, choices: Int = 1, dialect: Dialect = .chatCompletions, observesOnly: Bool = false
    ) -> CompletionStream {
        CompletionStream(
            terms(dialect, asksForUsage: asksForUsage, choices: choices, observesOnly: observesOnly))
    }

    func terms(
        _ dialect: Dialect, asksForUsage: Bool = true, choices: Int = 1, observesOnly: Bool = false,
        modelName: String? = nil, eventBytesMax: Int = 100_000
    ) -> StreamTerms {
        StreamTerms(
            dialect: dialect, filter: policy, screener: screener, asksForUsage: asksForUsage,
            choicesExpected: choices, observesOnly: observesOnly, modelName: modelName, eventBytesMax: eventBytesMax)
    }

    /// Feeds whole bytes in one piece; the events that came out.
    func relay(_ text: String, _ stream: inout CompletionStream) throws -> [JSONDocument] {
        var output: [UInt8] = []
        try stream.feed(ByteBuffer(string: text), to: &output)
        return try String(decoding: output, as: UTF8.self).split(separator: "\n\n").map { event in
            try JSONDocument(parsing: Array(event.dropFirst("data: ".count).utf8))
        }
    }
}

/// An event of one choice.
///
/// - Parameters:
///   - extra: further members of the choice, with a comma before them.
///   - beside: further members of the event, with a comma before them.
func chunk(_ delta: String, index: Int = 0, finish: String? = nil, extra: String = "", beside: String = "") -> String {
    let reason = finish.map { "\"\($0)\"" } ?? "null"
    return #"data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":\#(index),"#
        + #""delta":\#(delta),"finish_reason":\#(reason)\#(extra)}]\#(beside)}"# + "\n\n"
}

func content(_ text: String, index: Int = 0, extra: String = "", beside: String = "") -> String {
    var writer = JSONWriter()
    writer.string(text)
    return chunk(
        #"{"content":\#(String(decoding: writer.bytes, as: UTF8.self))}"#, index: index, extra: extra, beside: beside)
}

extension JSONDocument {
    var firstChoice: JSONNode? {
        member("choices", of: root).flatMap { elements(of: $0).first { _ in true } }
    }

    /// A text of the first choice.
    func text(_ path: [String]) -> String? {
        firstChoice.flatMap { text(path, of: $0) }
    }

    func text(_ path: [String], of start: JSONNode) -> String? {
        var node: JSONNode? = start
        for name in path { node = node.flatMap { member(name, of: $0) } }
        return node.flatMap(string)
    }

    /// The document as it would be sent.
    var serialised: String {
        var output: [UInt8] = []
        serialise(into: &output)
        return String(decoding: output, as: UTF8.self)
    }
}

extension [JSONDocument] {
    /// What a choice says in all events.
    func said(_ index: Int = 0, at path: [String] = ["delta", "content"]) -> String {
        map { document in
            guard let choices = document.member("choices", of: document.root) else { return "" }
            return document.elements(of: choices).map { choice in
                let own = document.member("index", of: choice).flatMap(document.int)
                return own == index ? document.text(path, of: choice) ?? "" : ""
            }.joined()
        }.joined()
    }

    /// The finish reasons of a choice, in order.
    func reasons(_ index: Int = 0) -> [String] {
        flatMap { document -> [String] in
            guard let choices = document.member("choices", of: document.root) else { return [] }
            return document.elements(of: choices).compactMap { choice in
                let own = document.member("index", of: choice).flatMap(document.int)
                return own == index ? document.text(["finish_reason"], of: choice) : nil
            }
        }
    }

    var serialised: String { map(\.serialised).joined(separator: "\n") }
}
