import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import NIOPosix
import Snapshots
import Storage
import Testing

@testable import Web

/// A desk with one route for each thing that can happen.
struct TestDesk: DeskRoutes {
    struct Unforeseen: Error {}

    struct Wrong: ProblemConvertible {
        var problem: Problem {
            Problem(
                .conflict, code: "already_there", title: "A key “<b>” exists.", detail: "Choose another name.",
                headers: [.retryAfter: "7"])
        }
    }

    struct Form: Decodable {
        let name: String
        let volume: Int
    }

    func addRoutes(to router: Router<DeskContext>) {
        let templates = try? Templates(["body": "<h1>{{.}}</h1>"])
        router.get("/page") { _, _ in Page(title: "A page", main: templates!.html("body", "Tea & “cake”")) }
        router.get("/kept") { _, _ in
            Page(title: "Kept", main: templates!.html("body", "Kept"), cacheControl: "public, max-age=60")
        }
        router.get("/wrong") { _, _ -> Page in throw Wrong() }
        router.get("/unforeseen") { _, _ -> Page in throw Unforeseen() }
        router.get("/slow") { _, _ -> Page in
            try await Task.sleep(for: .seconds(600))
            throw Unforeseen()
        }
        router.post("/form") { request, context in
            let form = try await request.decode(as: Form.self, context: context)
            return "\(form.name) \(form.volume) \(context.receivedAt.microseconds)"
        }
    }
}

func testApplication(_ settings: ListenerSettings = ListenerSettings()) throws -> some ApplicationProtocol {
    let site = try Site(version: "1.2.3", navigation: [.init("Guidelines", "/guidelines"), .init("A page", "/page")])
    let router = DeskRouter.make(
        site: Snapshot(site), settings: settings, desks: [TestDesk()],
        now: { Timestamp(microseconds: 1_796_292_930_123_456) })
    return HTTPListener(
        responder: router.buildResponder(), settings: settings, eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
        logger: Logger(label: "test"), onListening: { _ in }
    ).application
}

/// Compares with `Golden/NAME`; `UPDATE_GOLDEN=1` writes it instead. Request ids and digests of assets are replaced by words.
func expectGolden(_ text: String, _ name: String, file: String = #filePath) throws {
    let text = text.replacing(try Regex("req_[0-9a-z]{26}"), with: "REQUEST-ID")
        .replacing(try Regex("/assets/steward\\.[0-9a-f]{16}"), with: "/assets/steward.DIGEST")
    let address = URL(filePath: file).deletingLastPathComponent().appending(path: "Golden/\(name)")
    if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] == "1" {
        try FileManager.default.createDirectory(
            at: address.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: address)
    }
    #expect(text == (try String(contentsOf: address, encoding: .utf8)), "Golden/\(name) differs")
}

let browser: HTTPFields = [.accept: "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"]

@Suite("Desk server")
struct DeskServerTests {
    @Test("a page is a whole document in the site's layout")
    func page() async throws {
        try await testApplication().test(.router) { client in
            let response = try await client.execute(uri: "/page", method: .get)
            #expect(response.status == .ok)
            #expect(response.headers[.contentType] == "text/html; charset=utf-8")
            try expectGolden(String(buffer: response.body), "page.html")
        }
    }

    @Test(
        "every answer carries an id and the headers that bind browsers",
        arguments: [
            "/page", "/wrong", "/unforeseen", "/nothing", Asset.stylesheet.path,
        ])
    func headers(path: String) async throws {
        try await testApplication().test(.router) { client in
            let response = try await client.execute(
                uri: path, method: .get, headers: [.init("x-request-id")!: "theirs"])
            let id = try #require(response.headers[.init("x-request-id")!])
            #expect(RecordID(id)?.time.microseconds == 1_796_292_930_123_000)
            #expect(response.headers[.contentSecurityPolicy]?.hasPrefix("default-src 'self';") == true)
            #expect(response.headers[.contentSecurityPolicy]?.contains("frame-ancestors 'none'") == true)
            #expect(response.headers[.xContentTypeOptions] == "nosniff")
            #expect(response.headers[.init("Referrer-Policy")!] == "same-origin")
            let isAsset = path == Asset.stylesheet.path
            #expect(response.headers[.cacheControl] == (isAsset ? "public, max-age=31536000, immutable" : "no-store"))
        }
    }

    @Test("an error that knows its problem is JSON for programs and a page for browsers")
    func problem() async throws {
        try await testApplication().test(.router) { client in
            let json = try await client.execute(uri: "/wrong", method: .get)
            #expect(json.status == .conflict)
            #expect(json.headers[.contentType] == "application/problem+json")
            #expect(json.headers[.retryAfter] == "7")
            try expectGolden(String(buffer: json.body), "problem.json")
            let page = try await client.execute(uri: "/wrong", method: .get, headers: browser)
            #expect(page.status == .conflict)
            #expect(page.headers[.contentType] == "text/html; charset=utf-8")
            #expect(page.headers[.vary] == "accept")
            try expectGolden(String(buffer: page.body), "problem.html")
        }
    }

    @Test("an error that nobody foresaw shows a request id and nothing else")
    func unforeseen() async throws {
        try await testApplication().test(.router) { client in
            for headers in [browser, [:]] {
                let response = try await client.execute(uri: "/unforeseen", method: .get, headers: headers)
                #expect(response.status == .internalServerError)
                let text = String(buffer: response.body)
                #expect(!text.contains("Unforeseen"))
                #expect(text.contains(response.headers[.init("x-request-id")!]!))
            }
        }
    }

    @Test("an unknown address is a 404 that leads home")
    func notFound() async throws {
        try await testApplication().test(.router) { client in
            let response = try await client.execute(uri: "/nothing/here", method: .get, headers: browser)
            #expect(response.status == .notFound)
            try expectGolden(String(buffer: response.body), "not-found.html")
        }
    }

    @Test(
        "a body that does not fit its form says which field, without its value",
        arguments: [
            (#"{"name": "a"}"#, "Coding key `volume` not found."),
            (#"{"name": "a", "volume": "s3cret"}"#, "Type mismatch for `volume` key, expected `Int` type."),
            (#"{"name": "a", "volume": 1"#, "The given data was not valid input: The given data was not valid JSON."),
        ])
    func form(body: String, expected: String) async throws {
        try await testApplication().test(.router) { client in
            let response = try await client.execute(
                uri: "/form", method: .post, headers: [.contentType: "application/json"], body: ByteBuffer(string: body)
            )
            #expect(response.status == .badRequest)
            let text = String(buffer: response.body)
            #expect(text.contains(#""detail":"\#(expected)""#), "\(text)")
            #expect(!text.contains("s3cret"))
        }
    }

    // Each on a connection of its own, since the server closes one whose body it did not read.
    @Test("a body over the bound is refused with 413, announced or not", arguments: [false, true])
    func tooLarge(isChunked: Bool) async throws {
        var settings = ListenerSettings()
        settings.bodyBytesMax = 100
        try await testApplication(settings).test(.live) { client in
            let body = ByteBuffer(string: #"{"name": ""# + String(repeating: "a", count: 200) + #"", "volume": 1}"#)
            var headers: HTTPFields = [.contentType: "application/json"]
            if isChunked { headers[.transferEncoding] = "chunked" }
            let response = try await client.execute(uri: "/form", method: .post, headers: headers, body: body)
            #expect(response.status == .contentTooLarge)
            #expect(String(buffer: response.body).contains("larger than 100 bytes"))
        }
    }

    @Test("a handler that takes too long is cancelled and answered with 503")
    func deadline() async throws {
        var settings = ListenerSettings()
        settings.requestTimeout = .milliseconds(20)
        try await testApplication(settings).test(.router) { client in
            let response = try await client.execute(uri: "/slow", method: .get)
            #expect(response.status == .serviceUnavailable)
            #expect(String(buffer: response.body).contains("request_timeout"))
        }
    }

    @Test("what may be kept has a tag, and is not sent to who has it")
    func conditional() async throws {
        try await testApplication().test(.router) { client in
            for path in ["/kept", Asset.stylesheet.path, Asset.icon.path] {
                let first = try await client.execute(uri: path, method: .get)
                let tag = try #require(first.headers[.eTag])
                #expect(first.status == .ok && first.body.readableBytes > 0)
                let second = try await client.execute(
                    uri: path, method: .get, headers: [.ifNoneMatch: "\"x\", W/\(tag)"])
                #expect(second.status == .notModified && second.body.readableBytes == 0)
                #expect(second.headers[.eTag] == tag && second.headers[.cacheControl] == first.headers[.cacheControl])
                let third = try await client.execute(uri: path, method: .get, headers: [.ifNoneMatch: "\"x\""])
                #expect(third.status == .ok)
                let head = try await client.execute(uri: path, method: .head)
                #expect(head.status == .ok && head.headers[.eTag] == tag)
            }
        }
    }

    @Test("the stylesheet's address changes with its content")
    func digest() {
        let (a, b) = (
            Asset([1], name: "x", suffix: "css", contentType: ""), Asset([2], name: "x", suffix: "css", contentType: "")
        )
        #expect(a.path != b.path)
        #expect(Asset([1], name: "x", suffix: "css", contentType: "").path == a.path)
    }
}

@Suite("Templates and negotiation")
struct TemplateTests {
    @Test(
        "a text can never leave its place, not even with combining marks",
        arguments: [
            "<script>", "\"\u{301} onfocus=x", "'\u{20D2}", "<\u{338}img>", "&\u{301}lt;", "a\u{0}b",
        ])
    func escaping(text: String) throws {
        struct View: Sendable { let text: String; let list: [String] }
        let templates = try Templates([
            "outer": "<a title=\"{{text}}\">{{#list}}{{.}}{{/list}}{{> inner}}</a>", "inner": "<b>{{text}}</b>",
        ])
        let html = templates.html("outer", View(text: text, list: [text])).text
        #expect(html.unicodeScalars.count { $0 == "<" } == 4)
        #expect(html.unicodeScalars.count { $0 == "\"" } == 2)
        #expect(!html.unicodeScalars.contains("'") && !html.unicodeScalars.contains("\u{0}"))
    }

    @Test(
        "who names HTML gets pages, all others JSON",
        arguments: [
            (nil, false), ("*/*", false), ("application/json", false), ("text/html", true), ("text/html;q=0", false),
            ("application/json, text/html;q=0.5", false), ("text/html, application/json;q=0.9, */*", true),
            ("application/xhtml+xml ; q=0.8", true), ("text/*", false), (browser[.accept], true), (";;,,", false),
        ] as [(String?, Bool)])
    func accept(field: String?, expected: Bool) {
        #expect(Accept.prefersHTML(field) == expected)
    }

    @Test("the stylesheet names every colour once as a token, and every token that is used exists")
    func tokens() throws {
        let css = String(decoding: Asset.stylesheet.bytes, as: UTF8.self)
        let defined = Set(css.matches(of: try Regex<(Substring, Substring)>("(--[a-z0-9-]+):")).map { $0.output.1 })
        let used = Set(
            css.matches(of: try Regex<(Substring, Substring)>("var\\((--[a-z0-9-]+)\\)")).map { $0.output.1 })
        #expect(used.subtracting(defined) == [])
        #expect(defined.subtracting(used) == [])
        let stray = css.split(separator: "\n").filter { $0.contains("#") && !$0.contains("--color-") }
        #expect(stray == [])
    }
}
