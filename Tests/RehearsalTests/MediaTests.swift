import NIOCore
import Testing

@testable import Rehearsal

@Suite("Transcripts of the rehearsal model", .timeLimit(.minutes(10)))
struct TranscriptTests {
    @Test(
        "A stream's deltas are the text that it ends with and that a whole answer has, whatever the options",
        arguments: Combination.options, ["", "Names: Ada."])
    func streams(model: String, prompt: String) async throws {
        try await withRehearsal { running in
            let more = [("prompt", Value.string(prompt)), ("include[]", "logprobs")]
            let stream = try await Endpoint.transcriptions.ask(running, model, stream: true, more)
            let events = try stream.chunks()
            let whole = try await Endpoint.transcriptions.ask(running, model, more).json()
            let deltas = events.dropLast()
            #expect(deltas.allSatisfy { $0["type"] == "transcript.text.delta" })
            #expect(events.last?["type"] == "transcript.text.done" && stream.namedEvents.allSatisfy { $0.name == nil })
            #expect(deltas.compactMap { $0["delta"]?.text }.joined() == whole["text"]?.text)
            for name in ["text", "usage", "logprobs"] { #expect(events.last?[name] == whole[name]) }
            let tokens = whole["logprobs"]?.elements?.compactMap { $0["token"]?.text }
            #expect(tokens?.joined() == whole["text"]?.text)
        }
    }

    @Test("The text follows from the file's bytes and the prompt, and a violation is split as asked for")
    func follows() async throws {
        try await withRehearsal { running in
            func text(_ prompt: Value) async throws -> String? {
                try await Endpoint.transcriptions.ask(running, "rehearsal", [("prompt", prompt)]).json()["text"]?.text
            }
            let first = try await text("one")
            #expect(try await text("one") == first && first?.contains("not a language model") == true)
            #expect(try await text("two") != first)
            let echo = try await Endpoint.transcriptions.ask(running, "rehearsal-echo", [("prompt", "Ada,\nMira")])
            #expect(try echo.json()["text"] == "Ada,\nMira")
            let stream = try await Endpoint.transcriptions.ask(
                running, "rehearsal?violation=card&split=5", stream: true)
            let pieces = try stream.chunks().compactMap { $0["delta"]?.text }.filter { $0.contains(where: \.isNumber) }
            #expect(pieces.count == 5 && pieces.joined().count == 16)
        }
    }

    @Test("Subtitles have cues one after the other that together are the text", arguments: ["srt", "vtt"])
    func subtitles(format: String) async throws {
        try await withRehearsal { running in
            let more = [("response_format", Value.string(format))]
            let answer = try await Endpoint.transcriptions.ask(running, "rehearsal?tokens=16000", more)
            let plain = try await Endpoint.transcriptions.ask(
                running, "rehearsal?tokens=16000", [("response_format", "text")])
            var lines = String(decoding: answer.body ?? [], as: UTF8.self)
                .split(separator: "\n", omittingEmptySubsequences: false)[...]
            if format == "vtt" {
                #expect(lines.prefix(2) == ["WEBVTT", ""])
                lines = lines.dropFirst(2)
            }
            var texts: [Substring] = []
            var end = "00:00:00" + (format == "srt" ? ",000" : ".000")
            while lines.count > 3 {
                if format == "srt" { #expect(lines.popFirst() == "\(texts.count + 1)") }
                let times = lines.popFirst()?.split(separator: " --> ") ?? []
                #expect(times.count == 2 && times[0] == end && times[0] < times[1])
                end = String(times.last ?? "")
                texts.append(lines.popFirst() ?? "")
                #expect(lines.popFirst() == "")
            }
            // 16,000 tokens with a quarter of a second each.
            #expect(end.hasPrefix("01:06:40") && texts.count == 1_334)
            let text = String(decoding: plain.body ?? [], as: UTF8.self)
            #expect(texts.joined().filter { $0 != " " } == text.filter { $0 != " " && $0 != "\n" })
        }
    }

    @Test("A blank line in the text doesn't end a cue")
    func blankLines() async throws {
        try await withRehearsal { running in
            let more = [("response_format", Value.string("srt")), ("prompt", "a\n\n2\n00:00:00,000 --> b")]
            let answer = try await Endpoint.transcriptions.ask(running, "rehearsal-echo", more)
            let cues = String(decoding: answer.body ?? [], as: UTF8.self).split(separator: "\n\n")
            #expect(!cues.isEmpty && cues.allSatisfy { $0.split(separator: "\n").count == 3 })
        }
    }

    @Test("The verbose format has segments and, when asked for, words, whose times and texts fit")
    func verbose() async throws {
        try await withRehearsal { running in
            let more: [(String, Value)] = [
                ("response_format", "verbose_json"), ("timestamp_granularities[]", "word"),
                ("timestamp_granularities[]", "segment"), ("language", "de"),
            ]
            let answer = try await Endpoint.transcriptions.ask(running, "rehearsal", more).json()
            for name in ["segments", "words"] {
                let parts = answer[name]?.elements ?? []
                #expect(parts.compactMap { ($0["text"] ?? $0["word"])?.text }.joined() == answer["text"]?.text)
                #expect(parts.first?["start"]?.double == 0 && parts.last?["end"] == answer["duration"])
                #expect(zip(parts, parts.dropFirst()).allSatisfy { $0["end"] == $1["start"] })
            }
            #expect(answer["language"] == "de" && answer["usage"]?["seconds"] == answer["duration"])
        }
    }
}

@Suite("Forms with files")
struct MultipartFormTests {
    static let type = "multipart/form-data; boundary=\(Endpoint.boundary)"

    private static func value(_ text: String, _ type: String = type) throws(Complaint) -> Value {
        try MultipartForm(ByteBuffer(string: text), contentType: type).value
    }

    @Test("Fields and files are read, names with brackets as arrays, and a file is told by its digest")
    func reads() throws {
        let form = Endpoint.form([
            ("a", "1"), ("b[]", "x"), ("b[]", "y"), ("a", .string("\r\n--\(Endpoint.boundary.dropLast())")),
        ])
        let value = try Self.value("preamble\r\n" + form + "epilogue")
        #expect(value["a"]?.text == "\r\n--\(Endpoint.boundary.dropLast())" && value["b[]"] == ["x", "y"])
        #expect(value["file"]?["filename"] == "a.wav" && value["file"]?["bytes"] == 10_000)
        let other = try Self.value(form.replacing("sound", with: "noise"))
        #expect(other["file"]?["digest"] != value["file"]?["digest"])
        #expect(try Self.value(form, "Multipart/Form-Data;x=y; Boundary=\"\(Endpoint.boundary)\"") == value)
    }

    @Test("A form that breaks off anywhere before its end mark is refused")
    func refusesPrefixes() throws {
        let form = Endpoint.form([("model", "rehearsal")]).replacing(
            String(repeating: "\u{1}sound\r\n--", count: 999), with: "")
        #expect(try Self.value(form)["model"] == "rehearsal")
        for length in 0..<form.utf8.count - 2 {
            let prefix = String(decoding: form.utf8.prefix(length), as: UTF8.self)
            #expect(throws: Complaint.self) { try Self.value(prefix) }
        }
    }

    @Test(
        "What is no form is refused",
        arguments: [
            (form([("", "x")]).replacing("; name=\"\"", with: ""), type),
            (form(Array(repeating: ("a", "x"), count: 200)), type), (form([]), "application/json"),
            (form([]), "multipart/form-data"), (form([]), "multipart/form-data; boundary="),
            (form([]), "multipart/form-data; boundary=other"),
            (
                form([("a", "x")]).replacing("name=\"a\"", with: "name=\"\(String(repeating: "a", count: 9_000))\""),
                type
            ),
        ])
    func refuses(form: String, type: String) {
        #expect(throws: Complaint.self) { try Self.value(form, type) }
    }

    private static func form(_ fields: [(String, Value)]) -> String { Endpoint.form(fields) }

    @Test("A text that is no UTF-8 is refused, and a file may be")
    func bytes() throws {
        func form(_ disposition: String) -> ByteBuffer {
            var buffer = ByteBuffer(string: "--b\r\ncontent-disposition: form-data; \(disposition)\r\n\r\n")
            buffer.writeBytes([0xFF, 0x00, 0x0D])
            buffer.writeString("\r\n--b--")
            return buffer
        }
        let type = "multipart/form-data; boundary=b"
        let file = try MultipartForm(form("name=file; filename=a.mp3"), contentType: type).value
        #expect(file["file"]?["bytes"] == 3)
        #expect(throws: Complaint.self) { try MultipartForm(form("name=a"), contentType: type) }
    }
}

@Suite("Images of the rehearsal model", .timeLimit(.minutes(10)))
struct ImageTests {
    @Test("A picture is alike for alike seeds, symmetrical, and of two colours", arguments: 0..<50)
    func pictures(number: UInt64) {
        let picture = Picture(Seed(number))
        #expect(picture.png == Picture(Seed(number)).png && picture.png != Picture(Seed(number + 1)).png)
        let pixels = picture.rows.map { row in stride(from: 0, to: row.count, by: 3).map { Array(row[$0..<$0 + 3]) } }
        #expect(pixels.count == 16 && pixels.allSatisfy { $0.count == 16 && $0 == $0.reversed() })
        #expect(Set(pixels.joined()).count == 2)
    }

    @Test("An address leads to the very image that is given as Base64", arguments: [1, 4])
    func addresses(n: Int) async throws {
        try await withRehearsal { running in
            let inline = try await Endpoint.images.ask(running, "rehearsal", [("n", .number(n))]).json()
            let more: [(String, Value)] = [("n", .number(n)), ("response_format", "url")]
            let linked = try await Endpoint.images.ask(running, "rehearsal", more).json()
            let images = inline["data"]?.elements ?? []
            #expect(images.count == n && Set(images.map { $0["b64_json"] }).count == n)
            for (image, link) in zip(images, linked["data"]?.elements ?? []) {
                let path = try #require(link["url"]?.text).dropFirst("http://x".count)
                let end = " HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
                let answer = try await RawClient.exchange(running.port, "GET \(path)" + end)
                #expect(answer.header("content-type") == "image/png" && link["b64_json"] == nil)
                #expect(Base64.encoded(answer.body ?? []) == image["b64_json"]?.text)
                #expect(link["revised_prompt"] == image["revised_prompt"])
            }
            let end = " HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
            #expect(try await RawClient.exchange(running.port, "GET \(Picture.path)x.png" + end).status == 404)
        }
    }

    @Test("The revised prompt says what options ask for")
    func revises() async throws {
        try await withRehearsal { running in
            func prompt(_ model: String) async throws -> String {
                let answer = try await Endpoint.images.ask(running, model).json()
                return answer["data"]?.elements?.first?["revised_prompt"]?.text ?? ""
            }
            #expect(try await prompt("rehearsal").contains("not a language model"))
            #expect(try await prompt("rehearsal-echo") == "A ferry that turns.")
            #expect(try await prompt("rehearsal?text=secret%20word").contains("secret word"))
            let empty = try await Endpoint.images.ask(running, "rehearsal?fault=empty-choices").json()
            #expect(empty["data"] == [] && empty["usage"]?["output_tokens"] == 0)
        }
    }
}
