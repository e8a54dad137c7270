/// How one request is answered. Written as `ttft=200ms; rate=50; fault=reset-mid-stream` in the header `x-rehearsal`, or
/// as a query after the model's name: `rehearsal?ttft=200ms&rate=50`. The header wins over the name, which wins over the
/// server's default. Unknown options are refused, so that a typing error never passes for a working fault.
package struct Behaviour: Sendable, Hashable {
    /// What the text is made of.
    package enum Style: String, Sendable, CaseIterable {
        case prose, echo, violating
    }

    /// The shape of an error's body.
    package enum ErrorShape: String, Sendable, CaseIterable {
        case openai, anthropic, vllm, litellm, bare, html, empty
    }

    /// Where a violation stands.
    package enum Place: String, Sendable, CaseIterable {
        case content, reasoning, arguments
    }

    package var style = Style.prose
    /// Time to the first token.
    package var ttft = Duration.zero
    /// Tokens a second after the first; as fast as the reader reads if nil.
    package var rate: Double?
    /// Tokens of the answer, the text repeated or cut to fit; the text's own length if nil.
    package var tokens: Int?
    /// Bytes of content under `fault=huge`.
    package var bytes = 32 << 20
    /// Tokens of reasoning before the answer.
    package var reasoning = 0
    /// Tool calls when a tool is called.
    package var calls = 1
    /// Whether an offered tool is called though `tool_choice` leaves it open.
    package var callsTools = false
    /// Scalars per streamed chunk, instead of a token each.
    package var chunk: Int?
    /// Streamed chunks over which the violation (or, without one, the whole text) is split.
    package var split: Int?
    package var violations: [Violation] = []
    /// A text of the caller's own in the place of a violation.
    package var text: String?
    package var disguise: Disguise?
    package var place = Place.content
    /// An error's status, instead of an answer.
    package var error: Int?
    /// That of the dialect if nil.
    package var errorShape: ErrorShape?
    package var errorCode: String?
    /// Whole seconds of `Retry-After`.
    package var retryAfter: Int?
    /// Only the first so many requests of this behaviour fail (by `error` or `fault`); all if nil.
    package var failures: Int?
    package var fault: Fault?
    /// Tokens after which a fault in the middle strikes.
    package var after = 5
    /// Time between two bytes under `fault=drip`.
    package var drip = Duration.milliseconds(1)

    package init() {}

    /// When so many tokens after the first are there, since the request was read.
    func time(ofTokens count: Int) -> Duration {
        // More than a century is as good as never, and still a time that every clock can count to.
        ttft + .seconds(min(rate.map { Double(count) / $0 } ?? 0, 100 * 365 * 86_400))
    }
}

/// An option that the rehearsal model doesn't have, or a value that it can't read.
package struct BehaviourError: Error, Hashable {
    package let option: String
    package let advice: String
}

extension Behaviour {
    /// What the model names of the rehearsal model stand for; nil if there is no such model.
    package static func named(_ name: some StringProtocol, over base: Behaviour) -> Behaviour? {
        var behaviour = base
        switch name {
        case "rehearsal", "rehearsal-embedding": break
        case "rehearsal-echo": behaviour.style = .echo
        case "rehearsal-slow":
            behaviour.ttft = .milliseconds(500)
            behaviour.rate = 20
        case "rehearsal-tools": behaviour.callsTools = true
        case "rehearsal-violating": behaviour.style = .violating
        case "rehearsal-reasoning": behaviour.reasoning = 24
        default: return nil
        }
        return behaviour
    }

    static let names = [
        "rehearsal", "rehearsal-echo", "rehearsal-slow", "rehearsal-tools", "rehearsal-violating",
        "rehearsal-reasoning", "rehearsal-embedding",
    ]

    /// Applies options written as `name=value`, separated by `;` or `&`. Values may be percent-encoded.
    package mutating func apply(options: some StringProtocol) throws(BehaviourError) {
        for option in options.split(whereSeparator: { $0 == ";" || $0 == "&" }) {
            let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = Self.trimmed(parts[0])
            guard !name.isEmpty else { continue }
            let value = PercentEncoding.decoded(Self.trimmed(parts.count > 1 ? parts[1] : ""))
            guard let value else { throw BehaviourError(option: name, advice: "Write its value percent-encoded.") }
            try apply(name, value)
        }
    }

    private mutating func apply(_ name: String, _ value: String) throws(BehaviourError) {
        let reader = OptionReader(name: name, value: value)
        switch name {
        case "ttft": ttft = try reader.duration()
        case "rate": rate = try reader.rate()
        case "tokens": tokens = try reader.number(0...100_000_000)
        case "bytes": bytes = try reader.number(1...1 << 30)
        case "reasoning": reasoning = try reader.number(0...1_000_000)
        case "calls": calls = try reader.number(1...64)
        case "tools": callsTools = try reader.flag()
        case "chunk": chunk = try reader.number(1...1 << 20)
        case "split": split = try reader.number(1...1 << 20)
        case "style": style = try reader.choice()
        case "violation":
            style = .violating
            violations = value == "all" ? Violation.allCases : [try reader.choice()]
        case "text":
            style = .violating
            text = value
        case "disguise": disguise = try reader.choice()
        case "in": place = try reader.choice()
        case "error": error = try reader.number(400...599)
        case "shape": errorShape = try reader.choice()
        case "code": errorCode = value
        case "retry-after": retryAfter = try reader.number(0...86_400)
        case "failures": failures = try reader.number(0...1_000_000)
        case "fault": fault = try reader.choice()
        case "after": after = try reader.number(0...100_000_000)
        case "drip": drip = try reader.duration()
        default: throw BehaviourError(option: name, advice: "Use one of: \(Self.options.joined(separator: ", ")).")
        }
    }

    package static let options = [
        "ttft", "rate", "tokens", "bytes", "reasoning", "calls", "tools", "chunk", "split", "style", "violation",
        "text",
        "disguise", "in", "error", "shape", "code", "retry-after", "failures", "fault", "after", "drip",
    ]

    private static func trimmed(_ text: some StringProtocol) -> String {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        let start = text.drop(while: isSpace)
        let end = start.lastIndex { !isSpace($0) }
        return end.map { String(start[...$0]) } ?? ""
    }
}

/// Reads one option's value.
private struct OptionReader {
    let name: String
    let value: String

    func number(_ range: ClosedRange<Int>) throws(BehaviourError) -> Int {
        guard let number = Int(value), range.contains(number) else {
            throw BehaviourError(
                option: name, advice: "Give a whole number from \(range.lowerBound) to \(range.upperBound).")
        }
        return number
    }

    func rate() throws(BehaviourError) -> Double {
        guard let rate = Double(value), rate >= 0.001, rate <= 1_000_000 else {
            throw BehaviourError(option: name, advice: "Give tokens a second, like 50.")
        }
        return rate
    }

    func flag() throws(BehaviourError) -> Bool {
        switch value {
        case "", "true", "1", "yes": return true
        case "false", "0", "no": return false
        default: throw BehaviourError(option: name, advice: "Give true or false.")
        }
    }

    func duration() throws(BehaviourError) -> Duration {
        let units: [(String, Double)] = [("ms", 1_000), ("us", 1), ("s", 1_000_000)]
        for (unit, microseconds) in units where value.hasSuffix(unit) {
            if let number = Double(value.dropLast(unit.count)), number >= 0, number <= 86_400_000 {
                return .microseconds(Int64(number * microseconds))
            }
        }
        throw BehaviourError(option: name, advice: "Give a time with its unit, like 200ms or 2s.")
    }

    func choice<Choice: RawRepresentable & CaseIterable>() throws(BehaviourError) -> Choice
    where Choice.RawValue == String {
        guard let choice = Choice(rawValue: value) else {
            let choices = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw BehaviourError(option: name, advice: "Use one of: \(choices).")
        }
        return choice
    }
}

/// Percent-encoding of option values (RFC 3986, 2.1).
enum PercentEncoding {
    /// The text, or nil if an escape is cut off or its bytes are no UTF-8.
    static func decoded(_ text: String) -> String? {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return text }
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
