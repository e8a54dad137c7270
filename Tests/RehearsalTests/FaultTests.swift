import Logging
import Testing

@testable import Rehearsal

@Suite("Faults on request", .timeLimit(.minutes(10)))
struct FaultTests {
    static let model = "rehearsal?tokens=20&after=3&drip=50us&bytes=300000&fault="

    private static func answer(
        _ fault: Fault, stream: Bool, _ running: RunningRehearsal, _ endpoint: Endpoint = .chat
    ) async throws -> RawAnswer {
        try await endpoint.ask(running, model + fault.rawValue, stream: stream)
    }

    @Test(
        "Nothing, not even a head, comes of a connection that closes or resets at once", arguments: Ask.all)
    func nothing(ask: Ask) async throws {
        try await withRehearsal { running in
            let closed = try await Self.answer(.close, stream: ask.isStreamed, running, ask.endpoint)
            #expect(closed.bytes.isEmpty && !closed.wasReset)
            let reset = try await Self.answer(.reset, stream: ask.isStreamed, running, ask.endpoint)
            #expect(reset.bytes.isEmpty && reset.wasReset)
            let garbage = try await Self.answer(.garbage, stream: ask.isStreamed, running, ask.endpoint)
            #expect(!garbage.bytes.isEmpty && garbage.status == nil)
        }
    }

    @Test(
        "An answer that breaks off is framed as cut off",
        arguments: [Fault.truncated, .truncatedEvent, .resetMidStream, .badChunk], Ask.all)
    func breaksOff(fault: Fault, ask: Ask) async throws {
        try await withRehearsal { running in
            let answer = try await Self.answer(fault, stream: ask.isStreamed, running, ask.endpoint)
            #expect(answer.status == 200 && !answer.rawBody.isEmpty && answer.body == nil)
            #expect(answer.wasReset == (fault == .resetMidStream))
        }
    }

    @Test(
        "A hang sends nothing, or nothing more, until the client leaves, which is observed",
        arguments: [Fault.hang, .hangMidStream], Ask.all)
    func hangs(fault: Fault, ask: Ask) async throws {
        try await withRehearsal { running in
            let client = try await RawClient(port: running.port)
            try await client.send(ask.endpoint.request(Self.model + fault.rawValue, stream: ask.isStreamed))
            if fault == .hang {
                #expect(try await eventually { running.observations.requestCount == 1 })
                #expect(try await client.soFar().isEmpty)
            } else {
                #expect(try await eventually { try await client.soFar().count > 120 })
                #expect(RawAnswer(bytes: try await client.soFar(), wasReset: false).body == nil)
            }
            #expect(running.observations.cancelledCount == 0)
            try await client.channel.close()
            #expect(try await eventually { running.observations.cancelledCount == 1 })
            #expect(running.observations.completedCount == 0 && running.observations.openConnections == 0)
        }
    }

    @Test(
        "JSON faults are in whole answers and in streams, in otherwise good HTTP",
        arguments: Fault.allCases.filter(\.isInText), Ask.all)
    func spoilsText(fault: Fault, ask: Ask) async throws {
        try await withRehearsal { running in
            let answer = try await Self.answer(fault, stream: ask.isStreamed, running, ask.endpoint)
            #expect(answer.status == 200)
            let texts = ask.isStreamed ? answer.body.map { Self.split($0) } ?? [] : [answer.body ?? []]
            let bad = texts.filter { (try? Value(parsing: $0)) == nil }
            #expect(bad.count == 1, "exactly one text is spoilt, and the strict parser refuses it")
        }
    }

    /// The data of events as bytes, since they may be no UTF-8; without `[DONE]`.
    private static func split(_ body: [UInt8]) -> [[UInt8]] {
        body.split(separator: UInt8(ascii: "\n")).filter { !$0.starts(with: "event: ".utf8) }
            .map { Array($0.dropFirst(6)) }
            .filter { !$0.isEmpty && !$0.starts(with: "[DONE]".utf8) }
    }

    @Test("Heads lie as asked for")
    func heads() async throws {
        try await withRehearsal { running in
            #expect(try await Self.answer(.contentType, stream: true, running).header("content-type") == "text/html")
            let gzip = try await Self.answer(.gzip, stream: false, running)
            #expect(try gzip.header("content-encoding") == "gzip" && gzip.json()["choices"] != nil)
            let lengths = try await Self.answer(.doubleLength, stream: false, running).head
            #expect(lengths.split(separator: "\r\n").count { $0.hasPrefix("content-length") } > 1)
            let both = try await Self.answer(.lengthAndChunked, stream: false, running)
            #expect(both.header("transfer-encoding") == "chunked" && both.header("content-length") != nil)
            #expect(try await Self.answer(.hugeHead, stream: false, running).head.utf8.count > 256 << 10)
        }
    }

    @Test("Streams end wrongly as asked for")
    func streamEnds() async throws {
        try await withRehearsal { running in
            func finishes(_ answer: RawAnswer) throws -> [Value] {
                try answer.chunks().compactMap { $0["choices"]?.elements?.first?["finish_reason"]?.unlessNull }
            }
            let noDone = try await Self.answer(.noDone, stream: true, running)
            #expect(try noDone.body != nil && noDone.events.last != "[DONE]" && finishes(noDone).isEmpty)
            let noFinish = try await Self.answer(.noFinish, stream: true, running)
            #expect(try noFinish.events.last == "[DONE]" && finishes(noFinish).isEmpty)
            let noUsage = try await Self.answer(.noUsage, stream: true, running)
            #expect(try noUsage.chunks().allSatisfy { $0["usage"] == .null } && finishes(noUsage).count == 1)
            let early = try await Self.answer(.usageWithChoices, stream: true, running).chunks().last
            #expect(early?["usage"]?["total_tokens"] != nil && early?["choices"] != [])
            let error = try await Self.answer(.errorMidStream, stream: true, running)
            #expect(try error.chunks().last?["error"]?["message"] != nil && error.chunks().count == 5)
            let empty = try await Self.answer(.emptyChoices, stream: true, running)
            #expect(try empty.chunks().allSatisfy { $0["choices"] == [] } && empty.events.last == "[DONE]")
        }
    }

    @Test(
        "An error has its status, its shape and its time to wait", arguments: Behaviour.ErrorShape.allCases,
        Endpoint.allCases)
    func errors(shape: Behaviour.ErrorShape, endpoint: Endpoint) async throws {
        try await withRehearsal { running in
            for status in [400, 401, 429, 500, 503, 529] {
                let options = "error=\(status); shape=\(shape.rawValue); retry-after=7"
                let answer = try await endpoint.ask(running, "rehearsal", stream: false, options: options)
                #expect(answer.status == status && answer.header("retry-after") == "7")
                switch shape {
                case .openai:
                    #expect(try answer.json()["error"]?["type"]?.text != nil && answer.json()["type"] == nil)
                case .anthropic: #expect(try answer.json()["type"] == "error" && answer.json()["request_id"] != nil)
                case .vllm: #expect(try answer.json()["error"]?["code"]?.integer == status)
                case .litellm: #expect(try answer.json()["error"]?["code"]?.text == String(status))
                case .bare: #expect(try answer.json()["error"]?.text != nil)
                case .html: #expect(answer.header("content-type") == "text/html")
                case .empty: #expect(answer.body == [])
                }
            }
        }
    }

    static let anthropicTypes = [
        400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error",
        404: "not_found_error", 409: "conflict_error", 413: "request_too_large", 422: "invalid_request_error",
        429: "rate_limit_error", 500: "api_error", 503: "api_error", 504: "timeout_error", 529: "overloaded_error",
    ]

    @Test(
        "Without a word about shapes, an error is told as its dialect does: by status, with status 200, in a stream",
        arguments: Endpoint.allCases, anthropicTypes.keys.sorted())
    func ownShapes(endpoint: Endpoint, status: Int) async throws {
        try await withRehearsal { running in
            func check(_ answer: RawAnswer, _ error: Value, _ expected: Int) {
                #expect(answer.status == expected)
                guard endpoint.isAnthropic else {
                    #expect(error["error"]?["type"]?.text != nil && error["type"] == nil)
                    return
                }
                #expect(error["type"] == "error" && error["error"]?["type"]?.text == Self.anthropicTypes[status])
                #expect(error["error"]?["param"] == nil && error["request_id"]?.text == answer.header("request-id"))
            }
            let whole = try await endpoint.ask(running, "rehearsal", stream: false, options: "error=\(status)")
            check(whole, try whole.json(), status)
            let options = "error=\(status); fault=error-in-200"
            let good = try await endpoint.ask(running, "rehearsal", stream: false, options: options)
            check(good, try good.json(), 200)
            guard Ask.streamable.contains(endpoint) else { return }
            for fault in ["error-in-200", "error-mid-stream"] {
                let options = "error=\(status); fault=\(fault); after=2"
                let stream = try await endpoint.ask(running, "rehearsal", stream: true, options: options)
                let chunks = try stream.chunks()
                let error = try #require(chunks.last)
                #expect(chunks.count > 2 || fault == "error-in-200" && chunks.count == 1)
                #expect((stream.events.last == "[DONE]") == endpoint.endsWithDone)
                guard endpoint == .responses else {
                    check(stream, error, 200)
                    continue
                }
                #expect(error["type"] == "error" && error["message"] != nil)
                #expect(error["sequence_number"]?.integer == chunks.count - 1)
                #expect(stream.namedEvents.last?.name == "error")
            }
        }
    }

    @Test("The header wins over the model's name, and failures end after as many as asked for")
    func failuresEnd() async throws {
        try await withRehearsal { running in
            var statuses: [Int?] = []
            for _ in 0..<4 {
                let headers = "x-rehearsal: error=503; failures=2\r\n"
                let body = chat("rehearsal?error=500")
                statuses.append(try await RawClient.post(running.port, chatPath, body, headers: headers).status)
            }
            #expect(statuses == [503, 503, 200, 200])
        }
    }

    @Test("An answer that drips comes a byte at a time and is whole in the end")
    func drips() async throws {
        var script = Script([.bytes(.init(string: "abc")), .done(keepAlive: true)], drip: .milliseconds(1))
        var steps: [Script.Step] = []
        repeat { steps.append(script.next()) } while steps.last != .done(keepAlive: true) && steps.count < 20
        let bytes = ["a", "b", "c"].map { Script.Step.bytes(.init(string: $0)) }
        #expect(steps == bytes.flatMap { [$0, .wait(.milliseconds(1))] } + [.done(keepAlive: true)])
        try await withRehearsal { running in
            let answer = try await Self.answer(.drip, stream: true, running)
            #expect(answer.events.last == "[DONE]")
        }
    }

    @Test("A huge answer is as large as asked for, and a stream of it is not made before it is read")
    func huge() async throws {
        try await withRehearsal { running in
            let whole = try await Self.answer(.huge, stream: false, running).json()
            let text = whole["choices"]?.elements?.first?["message"]?["content"]?.text ?? ""
            #expect((290_000...310_000).contains(text.utf8.count))

            let client = try await RawClient(port: running.port, reads: false)
            let model = "rehearsal?fault=huge&bytes=200000000"
            try await client.send(RawClient.request(chatPath, AnswerTests.streamedChat(model)))
            #expect(try await eventually { running.observations.requestCount == 2 })
            try await client.channel.close()
            #expect(try await eventually { running.observations.cancelledCount == 1 })
            let sent = try #require(running.observations.cancellations.last).tokensSent
            // A token here is more than a kilobyte; the kernel's buffers hold a few megabytes.
            #expect(sent < 20_000)
        }
    }

    @Test(
        "What would not fit into the memory is refused before it is composed, and the server goes on",
        arguments: [
            ("rehearsal?tokens=10000000&rate=0.001", 1, false), ("rehearsal?tokens=100000000", 128, false),
            ("rehearsal?fault=huge&bytes=1073741824", 1, false), ("rehearsal?reasoning=1000000", 128, true),
        ])
    func tooLarge(model: String, n: Int, stream: Bool) async throws {
        try await withRehearsal { running in
            let body = chat(model, "Hm", ("n", .number(n)), ("stream", .bool(stream)))
            let answer = try await RawClient.post(running.port, chatPath, body)
            #expect(answer.status == 400)
            #expect(try answer.json()["error"]?["message"]?.text?.contains("too large") == true)
            #expect(try await RawClient.post(running.port, chatPath, chat("rehearsal")).status == 200)
        }
    }

    @Test("Embeddings and completions of many inputs are bounded alike")
    func tooManyInputs() async throws {
        try await withRehearsal { running in
            let inputs = Value.array((0..<100_000).map { _ in "a" })
            for (path, name) in [("/v1/embeddings", "input"), ("/v1/completions", "prompt")] {
                let body = Value.object([.init(name: "model", value: "rehearsal"), .init(name: name, value: inputs)])
                let answer = try await RawClient.post(
                    running.port, path, String(decoding: body.encoded, as: UTF8.self))
                #expect(answer.status == 400)
            }
        }
    }

    @Test("A server stops whatever time it is given for that")
    func longGrace() async throws {
        let server = try await RehearsalServer(
            configuration: RehearsalConfiguration(), logger: Logger(label: "rehearsal")
        ).start()
        try await server.stop(grace: .seconds(Int64.max))
    }
}
