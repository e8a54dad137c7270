import JSON
import Testing

@testable import Gateway

@Suite("Forms with a file")
struct FormTests {
    static let part = "--b\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nwhisper\r\n"
    static let file =
        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a b.WAV\"\r\nContent-Type: audio/wav\r\n\r\n"

    private func parse(_ text: String) throws(FormProblem) -> Form {
        try Form(parsing: Array(text.utf8), boundary: Array("b".utf8))
    }

    @Test("are read field by field, and nothing of a file is taken for a boundary")
    func reads() throws {
        let bytes = "\r\n--\r\n-b--b\r\n --b--\r\n"
        let list = "--b\r\ncontent-disposition: form-data; name=\"g[]\"\r\n\r\n"
        let form = try parse(Self.part + list + "word\r\n" + list + "segment\r\n" + Self.file + bytes + "\r\n--b--\r\n")
        #expect(form.fields.map(\.name) == ["model", "g[]", "g[]"])
        #expect(String(decoding: form.json, as: UTF8.self) == #"{"model":"whisper","g[]":["word","segment"]}"#)
        let file = try #require(form.file)
        #expect(String(decoding: file.bytes, as: UTF8.self) == bytes)
        #expect(file.field == "file" && file.fileExtension == "WAV" && file.contentType == "audio/wav")
    }

    @Test("are written so that they read the same")
    func writes() throws {
        let form = try parse(Self.part + Self.file + "\u{0}\r\nx\r\n--b--")
        let object = try JSONDocument(parsing: Array(#"{"model":"m","p":"\"é\"\r\n","g[]":["1","2"]}"#.utf8))
        let encoded = Form.encoded(object, try #require(form.file), boundary: "other")
        let again = try Form(parsing: encoded, boundary: Array("other".utf8))
        #expect(again.fields.map(\.value) == ["m", "\"é\"\r\n", "1", "2"])
        #expect(again.file.map { Array($0.bytes) } == Array("\u{0}\r\nx".utf8))
    }

    static let malformed = [
        "", "--b", "--b--x", "x--b\r\n", "--b\r\n", part, part + file + "x", part + "--b--x", "--b\n\nx\r\n--b--",
        "--b\r\n\r\nx\r\n--b--", "--b\r\ncontent-disposition: form-data\r\n\r\nx\r\n--b--",
        "--b\r\ncontent-disposition: attachment; name=\"a\"\r\n\r\nx\r\n--b--",
        "--b\r\ncontent-disposition: form-data; name=a\r\n\r\nx\r\n--b--",
        "--b\r\ncontent-disposition: form-data; name=\"a\"; name=\"b\"\r\n\r\nx\r\n--b--",
        "--b\r\ncontent-disposition: form-data; name=\"a\\\"b\"\r\n\r\nx\r\n--b--",
        "--b\r\ncontent-disposition: form-data; name=\"a\"; filename*=UTF-8''x\r\n\r\nx\r\n--b--",
        "--b\r\ncontent-disposition: form-data; name=\"a\"\r\ncontent-disposition: form-data; name=\"b\"\r\n\r\nx\r\n--b--",
        "--b\r\ncontent-disposition: form-data; name=\"a\"\r\ncontent-transfer-encoding: base64\r\n\r\neA==\r\n--b--",
        "--b\r\ncontent-disposition: form-data; name=\"a\"\r\n x: y\r\n\r\nx\r\n--b--",
        part + part + "--b--", file + "x\r\n" + file + "y\r\n--b--",
        "--b\r\n\(String(repeating: "x: y\r\n", count: 2_000))\r\nx\r\n--b--",
        String(repeating: "--b\r\ncontent-disposition: form-data; name=\"a[]\"\r\n\r\nx\r\n", count: 65) + "--b--",
    ]

    @Test("are refused when two readers could read them in two ways", arguments: malformed)
    func refuses(_ text: String) {
        #expect(throws: FormProblem.self) { try parse(text) }
    }

    @Test("keep nothing of a file's name but a plain ending")
    func namesFiles() throws {
        let names = [("a.mp3", "mp3"), ("a", ""), ("a.\u{200B}m", "m"), ("x.y.ogg", "ogg"), ("a.toolongending", "")]
        for (name, ending) in names {
            let file = Form.File(field: "file", name: name, contentType: "a/b; c\r\nd", bytes: [])
            #expect(file.fileExtension == ending && file.contentType == "application/octet-stream")
        }
    }

    @Test("pass a media type on only if it is one of sound")
    func namesMediaTypes() {
        func type(_ text: String?) -> String {
            Form.File(field: "file", name: "a", contentType: text, bytes: []).contentType
        }
        for sound in ["audio/wav", "Audio/MPEG", "audio/webm;codecs=opus", "video/mp4 ; a=b"] {
            #expect(type(sound) == sound.lowercased().prefix { $0 != ";" && $0 != " " })
        }
        for other in [
            nil, "", "card/4111111111111111", "audio/4111111111111111", "text/plain", "audio/wav\r\nx: y", "wav",
        ] {
            #expect(type(other) == "application/octet-stream")
        }
    }

    @Test("tell their boundary in the content type")
    func boundaries() {
        #expect(Form.boundary(of: "multipart/form-data; boundary=abc") == Array("abc".utf8))
        #expect(Form.boundary(of: "Multipart/Form-Data;charset=x; Boundary=\"a/b\"") == Array("a/b".utf8))
        let long = String(repeating: "x", count: 71)
        for type in ["multipart/mixed; boundary=a", "multipart/form-data", "multipart/form-data; boundary=", "", long]
            + ["multipart/form-data; boundary=\(long)", "multipart/form-data; boundary=a b"]
        {
            #expect(Form.boundary(of: type) == nil, "\(type)")
        }
    }
}
