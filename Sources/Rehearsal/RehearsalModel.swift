internal import JSON
internal import NIOCore
internal import NIOHTTP1

/// Answers requests: chooses by path, reads the body and writes the script that the connection performs.
struct RehearsalModel: Sendable {
    let configuration: RehearsalConfiguration
    let observations: RehearsalObservations

    static let description =
        "A rehearsal model for demos, tests and benchmarks. It is no language model: it composes text from the prompt by rule."

    /// - Parameter now: microseconds since 1970.
    func script(for request: ReceivedRequest, now: Int64) -> Script {
        let head = ResponseHead(request.head)
        let path = request.head.uri.prefix { $0 != "?" }
        do throws(Complaint) {
            switch (request.head.method, path) {
            case (.POST, "/v1/chat/completions"): return try answer(.chat, request, head, now)
            case (.POST, "/v1/completions"): return try answer(.completions, request, head, now)
            case (.POST, "/v1/embeddings"): return try answer(.embeddings, request, head, now)
            case (.GET, "/v1/models"): return head.whole(models)
            case (.GET, "/health"), (.GET, "/"):
                return head.whole(["status": "ok", "about": .string(Self.description)])
            case (.GET, "/rehearsal/v1/observations"): return head.whole(observations.value)
            case (.POST, "/rehearsal/v1/reset"):
                observations.reset()
                return head.whole(["reset": true])
            case (.GET, _) where path.hasPrefix("/v1/models/"):
                return head.whole(try model(String(path.dropFirst("/v1/models/".count))))
            default: throw Complaint(404, "There is no \(request.head.method) \(path) here.")
            }
        } catch {
            return head.complaint(error, Behaviour())
        }
    }

    private var models: Value {
        ["object": "list", "data": .array(Behaviour.names.map(Self.entry))]
    }

    private static func entry(_ name: String) -> Value {
        [
            "id": .string(name), "object": "model", "created": 1_764_547_200, "owned_by": "steward-rehearsal",
            "description": .string(description),
        ]
    }

    private func model(_ name: String) throws(Complaint) -> Value {
        guard Behaviour.named(name, over: configuration.behaviour) != nil else {
            throw Complaint(404, "There is no model \(name).", param: "model", code: "model_not_found")
        }
        return Self.entry(name)
    }

    private func answer(_ endpoint: Asked.Endpoint, _ request: ReceivedRequest, _ head: ResponseHead, _ now: Int64)
        throws(Complaint) -> Script
    {
        let header = request.head.headers["x-rehearsal"]
        let options = header.isEmpty ? nil : header.joined(separator: ";")
        var asked = try Asked(endpoint, body(request), header: options, configuration)
        if let failures = asked.behaviour.failures {
            let count = observations.countFailure(asked.model + "\n" + (options ?? ""), upTo: failures)
            if count >= failures {
                asked.behaviour.fault = nil
                asked.behaviour.error = nil
            }
        }
        if let early = head.early(asked.behaviour) { return early }
        if asked.behaviour.error != nil || asked.behaviour.fault == .errorIn200 {
            return head.failure(asked)
        }
        guard asked.pieces <= Asked.piecesMax else {
            throw Complaint(
                400,
                "The answer would be too large to compose. Ask for fewer tokens, choices or inputs, or for a stream.")
        }
        if endpoint == .embeddings { return head.whole(Embedding.answer(asked), asked.behaviour) }
        var seed = Seed().adding(Int(truncatingIfNeeded: now)).adding(request.number)
        let prefix = endpoint == .chat ? "chatcmpl-" : "cmpl-"
        let answer = Answer(asked, id: prefix + seed.identifier(), created: Int(now / 1_000_000))
        return asked.isStreamed
            ? head.stream(answer) : head.whole(answer.whole, asked.behaviour, tokens: answer.tokenCount)
    }

    private func body(_ request: ReceivedRequest) throws(Complaint) -> Value {
        do throws(JSONError) {
            return try Value(parsing: Array(request.body.readableBytesView))
        } catch {
            throw Complaint(400, error.message)
        }
    }
}
