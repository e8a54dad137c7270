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
        let endpoint = Endpoint(request.head)
        var seed = Seed().adding(Int(truncatingIfNeeded: now)).adding(request.number)
        let identifier = seed.identifier()
        let head = ResponseHead(request.head, endpoint, identifier: identifier)
        do throws(Complaint) {
            guard let endpoint else { return try other(request, head) }
            return try answer(endpoint, request, head, identifier, created: Int(now / 1_000_000))
        } catch {
            return head.complaint(error, Behaviour())
        }
    }

    /// Answers what is asked of the server, not of the model.
    private func other(_ request: ReceivedRequest, _ head: ResponseHead) throws(Complaint) -> Script {
        let path = request.head.uri.prefix { $0 != "?" }
        switch (request.head.method, path) {
        case (.GET, "/v1/models"): return head.whole(models)
        case (.GET, "/health"), (.GET, "/"):
            return head.whole(["status": "ok", "about": .string(Self.description)])
        case (.GET, "/rehearsal/v1/observations"): return head.whole(observations.value)
        case (.POST, "/rehearsal/v1/reset"):
            observations.reset()
            return head.whole(["reset": true])
        case (.GET, _) where path.hasPrefix("/v1/models/"):
            return head.whole(try model(String(path.dropFirst("/v1/models/".count))))
        case (.GET, _) where path.hasPrefix(Picture.path):
            guard let picture = Picture(path: path) else { throw Complaint(404, "There is no such image.") }
            return head.whole(AnswerBody(contentType: "image/png", bytes: picture.png), Behaviour())
        default: throw Complaint(404, "There is no \(request.head.method) \(path) here.")
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

    private func answer(
        _ endpoint: Endpoint, _ request: ReceivedRequest, _ head: ResponseHead, _ identifier: String, created: Int
    ) throws(Complaint) -> Script {
        let header = request.head.headers["x-rehearsal"]
        let options = header.isEmpty ? nil : header.joined(separator: ";")
        var asked = try Asked(endpoint, body(request, endpoint), header: options, configuration)
        if let failures = asked.behaviour.failures {
            let count = observations.countFailure(asked.model + "\n" + (options ?? ""), upTo: failures)
            if count >= failures {
                asked.behaviour.fault = nil
                asked.behaviour.error = nil
            }
        }
        if let early = head.early(asked.behaviour) { return early }
        if asked.failsAtOnce { return head.failure(asked) }
        guard asked.pieces <= Asked.piecesMax else {
            throw Complaint(
                400,
                "The answer would be too large to compose. Ask for fewer tokens, choices or inputs, or for a stream.")
        }
        let answer: any DialectAnswer
        switch endpoint {
        case .chat, .completions: answer = Answer(asked, id: identifier, created: created)
        case .responses: answer = ResponsesAnswer(asked, id: identifier, created: created)
        case .messages: answer = MessagesAnswer(asked, id: identifier)
        case .transcriptions: answer = Transcript(asked)
        case .embeddings: return head.whole(.json(Embedding.answer(asked)), asked.behaviour)
        case .countTokens: return head.whole(.json(["input_tokens": .number(asked.promptTokens)]), asked.behaviour)
        case .images:
            let images = Picture.answer(asked, host: request.head.headers.first(name: "host"), created: created)
            return head.whole(.json(images.value), asked.behaviour, tokens: images.tokens)
        }
        return asked.isStreamed
            ? head.stream(answer) : head.whole(answer.whole, asked.behaviour, tokens: answer.tokenCount)
    }

    private func body(_ request: ReceivedRequest, _ endpoint: Endpoint) throws(Complaint) -> Value {
        guard endpoint != .transcriptions else {
            return try MultipartForm(request.body, contentType: request.head.headers.first(name: "content-type")).value
        }
        do throws(JSONError) {
            return try Value(parsing: Array(request.body.readableBytesView))
        } catch {
            throw Complaint(400, error.message)
        }
    }
}
