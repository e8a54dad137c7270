import Glibc
import Logging
import NIOCore
import Testing

@testable import Rehearsal

@Suite("Connections to the rehearsal model", .timeLimit(.minutes(10)))
struct ConnectionTests {
    @Test("Pipelined requests are answered in order on one connection")
    func pipelined() async throws {
        try await withRehearsal { running in
            let requests = (0..<20).map { index in
                let last = index == 19 ? "connection: close\r\n" : ""
                return RawClient.request(chatPath, chat("rehearsal-echo", "<\(index)>"), headers: last)
            }
            let bytes = try await RawClient.exchange(running.port, requests.joined()).bytes
            let text = String(decoding: bytes, as: UTF8.self)
            let order = text.split(separator: "\"content\":\"<").dropFirst().map { $0.prefix { $0 != ">" } }
            #expect(order.compactMap { Int($0) } == Array(0..<20))
            #expect(running.observations.completedCount == 20)
        }
    }

    @Test("What the upstream got can be asked for: headers in order, the body to the byte")
    func observes() async throws {
        try await withRehearsal { running in
            let body = " " + chat("rehearsal", "\u{1F980}") + "\n"
            _ = try await RawClient.post(running.port, chatPath, body, headers: "X-Twice: a\r\nx-twice: b\r\n")
            #expect(running.observations.lastBody == Array(body.utf8))
            #expect(
                running.observations.lastHeaders.filter { $0.name.lowercased() == "x-twice" }.map(\.value) == [
                    "a", "b",
                ])
            let end = " HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            let seen = try await RawClient.exchange(running.port, "GET /rehearsal/v1/observations" + end).json()
            #expect(seen["requests"] == 1 && seen["last"]?["body"]?.text == body)
            #expect(seen["open_connections"]?.integer == 1)
            _ = try await RawClient.exchange(running.port, "POST /rehearsal/v1/reset" + end)
            #expect(running.observations.requestCount == 0 && running.observations.lastBody == nil)
        }
    }

    @Test("A client that leaves in the middle of a stream is counted, with the tokens it was sent")
    func cancels() async throws {
        try await withRehearsal { running in
            let client = try await RawClient(port: running.port) { $0.count > 1_000 }
            try await client.send(
                RawClient.request(chatPath, AnswerTests.streamedChat("rehearsal?tokens=1000000&rate=200")))
            _ = try await client.answer()
            try await client.channel.close()
            #expect(try await eventually { running.observations.cancelledCount == 1 })
            let cancellation = try #require(running.observations.cancellations.first)
            #expect((2..<1_000_000).contains(cancellation.tokensSent))
            // At 200 tokens a second the tokens sent tell the least time.
            #expect(cancellation.after >= .milliseconds(5 * (cancellation.tokensSent - 1)))
        }
    }

    @Test("A client that resets the connection has left, too")
    func countsResets() async throws {
        try await withRehearsal { running in
            let client = try await RawClient(port: running.port) { $0.count > 1_000 }
            try await client.send(
                RawClient.request(chatPath, AnswerTests.streamedChat("rehearsal?tokens=1000000&rate=200")))
            _ = try await client.answer()
            let provider = try #require(client.channel as? any SocketOptionProvider)
            try await provider.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
            try await client.channel.close()
            #expect(try await eventually { running.observations.cancelledCount == 1 })
        }
    }

    @Test("The time to the first token and the rate are kept", arguments: [false, true])
    func times(stream: Bool) async throws {
        try await withRehearsal { running in
            let model = "rehearsal?ttft=60ms&rate=500&tokens=51"
            let body = stream ? AnswerTests.streamedChat(model) : chat(model)
            let clock = ContinuousClock()
            let time = try await clock.measure { _ = try await RawClient.post(running.port, chatPath, body) }
            #expect(time >= .milliseconds(160))
        }
    }

    @Test("What is no HTTP, or too large, gets a plain refusal and a closed connection")
    func refuses() async throws {
        try await withRehearsal(RehearsalConfiguration(bodyBytesMax: 1_000)) { running in
            #expect(try await RawClient.exchange(running.port, "nonsense\r\n\r\n").status == 400)
            let large = String(repeating: "x", count: 5_000)
            #expect(try await RawClient.post(running.port, chatPath, large).status == 413)
            let old = "POST \(chatPath) HTTP/1.0\r\ncontent-length: "
            let body = chat("rehearsal", "x", ("stream", true))
            let answer = try await RawClient.exchange(running.port, old + "\(body.utf8.count)\r\n\r\n" + body)
            #expect(answer.header("transfer-encoding") == nil && answer.events.last == "[DONE]")
        }
    }

    @Test("A client that waits to be told to continue is told")
    func continues() async throws {
        try await withRehearsal { running in
            let client = try await RawClient(port: running.port)
            let body = chat("rehearsal")
            let request = RawClient.request(chatPath, body, headers: "expect: 100-continue\r\nconnection: close\r\n")
            try await client.send(String(request.dropLast(body.count)))
            #expect(
                try await eventually { try await client.soFar().starts(with: "HTTP/1.1 100 Continue\r\n\r\n".utf8) })
            try await client.send(body)
            let bytes = try await client.answer().bytes
            #expect(RawAnswer(bytes: Array(bytes.dropFirst(25)), wasReset: false).status == 200)
        }
    }

    @Test("Stopping lets a running answer finish, closes idle connections, and takes no new ones")
    func stopsGracefully() async throws {
        let server = RehearsalServer(
            configuration: RehearsalConfiguration(threads: 2), logger: .init(label: "rehearsal"))
        let running = try await server.start()
        let idle = try await RawClient(port: running.port)
        let busy = try await RawClient(port: running.port)
        let body = AnswerTests.streamedChat("rehearsal?tokens=40&rate=200")
        try await busy.send(RawClient.request(chatPath, body))
        #expect(try await eventually { try await !busy.soFar().isEmpty })
        try await running.stop(grace: .seconds(60))
        #expect(try await busy.answer().events.last == "[DONE]")
        #expect(try await idle.answer().bytes.isEmpty)
        await #expect(throws: (any Error).self) { try await RawClient(port: running.port) }
    }

    @Test("Stopping does not wait for an answer that hangs, nor beyond the grace time for a slow one")
    func stopsInTime() async throws {
        let clock = ContinuousClock()
        for (options, grace) in [("fault=hang", Duration.seconds(30)), ("rate=1&tokens=1000", .milliseconds(50))] {
            let server = RehearsalServer(configuration: RehearsalConfiguration(), logger: .init(label: "rehearsal"))
            let running = try await server.start()
            let client = try await RawClient(port: running.port)
            try await client.send(RawClient.request(chatPath, AnswerTests.streamedChat("rehearsal?" + options)))
            #expect(try await eventually { running.observations.requestCount == 1 })
            let time = try await clock.measure { try await running.stop(grace: grace) }
            #expect(time < .seconds(25))
        }
    }
}
