import Testing

@testable import Rehearsal

/// An endpoint asked for a whole answer or for a stream.
struct Ask: Sendable, CustomTestStringConvertible {
    let endpoint: Endpoint
    let isStreamed: Bool

    var testDescription: String { "\(endpoint), \(isStreamed ? "streamed" : "whole")" }

    static let streamable: [Endpoint] = [.chat, .completions, .responses, .messages, .transcriptions]
    static let all = Endpoint.allCases.map { Ask(endpoint: $0, isStreamed: false) } + streamed
    static let streamed = streamable.map { Ask(endpoint: $0, isStreamed: true) }
}

extension Endpoint {
    static let boundary = "----rehearsal-boundary"

    /// A request that any options suit, with more members or fields.
    func request(
        _ model: String, stream: Bool = false, options: String? = nil, headers: String = "",
        _ more: [(String, Value)] = []
    ) -> String {
        let headers = headers + (options.map { "x-rehearsal: \($0)\r\n" } ?? "")
        let isForm = self == .transcriptions
        let type = isForm ? "multipart/form-data; boundary=\(Self.boundary)" : "application/json"
        let members = [("model", .string(model))] + (stream ? [("stream", true)] : []) + more
        let body = isForm ? Self.form(members) : body(members)
        return RawClient.request(rawValue, body, type: type, headers: headers)
    }

    func ask(
        _ running: RunningRehearsal, _ model: String, stream: Bool = false, options: String? = nil,
        _ more: [(String, Value)] = []
    ) async throws -> RawAnswer {
        try await RawClient.exchange(
            running.port, request(model, stream: stream, options: options, headers: "connection: close\r\n", more))
    }

    /// What is asked where `more` says nothing else.
    private var standards: [(String, Value)] {
        let message: Value = ["role": "user", "content": "How do ferries turn?"]
        return switch self {
        case .chat: [("messages", [message]), ("stream_options", ["include_usage": true])]
        case .completions: [("prompt", "How do ferries turn?"), ("max_tokens", 1_000)]
        case .embeddings: [("input", "How do ferries turn?")]
        case .responses: [("input", "How do ferries turn?")]
        case .messages: [("messages", [message]), ("max_tokens", 100_000)]
        case .countTokens: [("messages", [message])]
        case .images: [("prompt", "A ferry that turns.")]
        case .transcriptions: []
        }
    }

    private func body(_ members: [(String, Value)]) -> String {
        let names = Set(members.map(\.0))
        let all = members + standards.filter { !names.contains($0.0) }
        return String(
            decoding: Value.object(all.map { .init(name: $0.0, value: $0.1) }).encoded, as: UTF8.self)
    }

    /// A form with a file, unless the fields have another.
    static func form(_ fields: [(String, Value)]) -> String {
        let sound = String(repeating: "\u{1}sound\r\n--", count: 1_000)
        let parts = fields.map { name, value in
            let text = value.text ?? String(decoding: value.encoded, as: UTF8.self)
            return "--\(boundary)\r\ncontent-disposition: form-data; name=\"\(name)\"\r\n\r\n\(text)\r\n"
        }
        return parts.joined() + "--\(boundary)\r\nContent-Disposition: form-data; name=file; filename=\"a.wav\"\r\n"
            + "Content-Type: audio/wav\r\n\r\n\(sound)\r\n--\(boundary)--\r\n"
    }
}

/// A function for a weather, as chat, Responses and Messages offer it.
enum WeatherTool {
    static let schema: Value = [
        "type": "object", "properties": ["city": ["type": "string"], "days": ["type": "integer"]],
    ]
    static let responses: Value = [["type": "function", "name": "weather", "parameters": schema]]
    static let messages: Value = [["name": "weather", "input_schema": schema]]
}
