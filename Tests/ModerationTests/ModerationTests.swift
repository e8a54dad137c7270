import Foundation
import Guidelines
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Snapshots
import Testing
import Web

@testable import Moderation

@Suite("Guidelines and home page")
struct ModerationTests {
    static let yaml = """
        title: Usage guidelines
        language: en
        published: 2026-12-01
        introduction: |
          What holds here.
          On two lines.

          A second paragraph.
        clauses:
          - id: fraud
            title: Fraud & “phishing”
            kind: prohibited
            text: Do not deceive people for gain.
            enforcement:
              - categories: [phishing, spam]
                prompt: flag
                completion: block
              - categories: [pii]
                prompt: redact
                completion: allow
                stage: sandbox
            enforcement_note: Prompts may quote a phishing mail to ask about it.
            examples:
              meant: [Write a bank's <b>warning</b> that isn't one.]
              not_meant: [Explain how phishing works.]
          - id: elections
            title: Elections
            kind: extra_scrutiny
            text: Ask for a review first.
            enforcement: none
            why_not_enforced: No filter can tell it.
            examples:
              meant: [Answer voters' questions.]
              not_meant: [Report on a past election.]
        """

    static func application(
        _ guidelines: Snapshot<Guidelines>, gateway: String = "https://models.example.org"
    ) throws -> some ApplicationProtocol {
        let view = Snapshot(HomeView(site: "Steward", gateway: gateway, model: "rehearsal"))
        let desk = try Moderation(guidelines: guidelines, home: view)
        let site = try Site(version: "1.2.3", navigation: Moderation.navigation)
        return Application(router: DeskRouter.make(site: Snapshot(site), settings: ListenerSettings(), desks: [desk]))
    }

    /// Compares with `Golden/NAME`; `UPDATE_GOLDEN=1` writes it instead.
    private func expectGolden(_ text: String, _ name: String) throws {
        // The stylesheet's digest changes with its content; that is Web's matter.
        let text = text.replacing(try Regex("/assets/steward\\.[0-9a-f]{16}"), with: "/assets/steward.DIGEST")
        let address = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden/\(name)")
        if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] == "1" {
            try FileManager.default.createDirectory(
                at: address.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: address)
        }
        #expect(text == (try String(contentsOf: address, encoding: .utf8)), "Golden/\(name) differs")
    }

    @Test("the page shows every clause at its anchor, what enforces it, and examples")
    func page() async throws {
        let guidelines = Snapshot(try Guidelines(yaml: Self.yaml, file: "test.yaml"))
        try await Self.application(guidelines).test(.router) { client in
            let response = try await client.execute(uri: "/guidelines", method: .get)
            #expect(response.status == .ok)
            #expect(response.headers[.guidelinesVersion] == guidelines.current.version)
            try expectGolden(String(buffer: response.body), "guidelines.html")
        }
    }

    @Test("the home page says what this is and how to use it")
    func home() async throws {
        let guidelines = Snapshot(try Guidelines(yaml: Self.yaml, file: "test.yaml"))
        try await Self.application(guidelines).test(.router) { client in
            let response = try await client.execute(uri: "/", method: .get)
            #expect(response.status == .ok)
            try expectGolden(String(buffer: response.body), "home.html")
        }
    }

    @Test(
        "page and JSON are named by version, answer 304, and follow a new text at once",
        arguments: [
            "/guidelines", "/public/v1/guidelines",
        ])
    func reload(path: String) async throws {
        let guidelines = Snapshot(try Guidelines(yaml: Self.yaml, file: "test.yaml"))
        try await Self.application(guidelines).test(.router) { client in
            let first = try await client.execute(uri: path, method: .get)
            let tag = try #require(first.headers[.eTag])
            #expect(first.headers[.cacheControl] == "public, max-age=60")
            let again = try await client.execute(uri: path, method: .get, headers: [.ifNoneMatch: tag])
            #expect(again.status == .notModified && again.body.readableBytes == 0)
            #expect(again.headers[.guidelinesVersion] == guidelines.current.version)
            let changed = Self.yaml.replacing("Usage guidelines", with: "New guidelines")
            guidelines.replace(with: try Guidelines(yaml: changed, file: "test.yaml"))
            let next = try await client.execute(uri: path, method: .get, headers: [.ifNoneMatch: tag])
            #expect(next.status == .ok && next.headers[.eTag] != tag)
            #expect(next.headers[.guidelinesVersion] == guidelines.current.version)
            #expect(String(buffer: next.body).contains("New guidelines"))
        }
    }

    @Test("the JSON is the engine's own")
    func json() async throws {
        let guidelines = Snapshot(try Guidelines.shipped())
        try await Self.application(guidelines).test(.router) { client in
            let response = try await client.execute(uri: "/public/v1/guidelines", method: .get)
            #expect(response.headers[.contentType] == "application/json")
            #expect(Array(buffer: response.body) == guidelines.current.json())
            // A later Steward may write the same guidelines in another form, which old clients must get.
            let tag = EntityTag(of: Array(buffer: response.body))
            #expect(response.headers[.eTag] == tag.description)
            #expect(response.headers[.guidelinesVersion] == guidelines.current.version)
        }
    }

    @Test(
        "the OpenAPI document is the file, with this deployment's address and version",
        arguments: ["https://models.example.org", #"http://"quoted"/\u{1F600}\n"#])
    func openAPI(gateway: String) async throws {
        let application = try Self.application(Snapshot(try Guidelines.shipped()), gateway: gateway)
        var expected = try object(Data(PackageResources.openapi_json))
        var info = try #require(expected["info"] as? [String: Any])
        info["version"] = "1.2.3"
        expected["info"] = info
        expected["servers"] = [["url": gateway]]
        let body = try await application.test(.router) { client in
            let response = try await client.execute(uri: "/public/v1/openapi.json", method: .get)
            #expect(response.status == .ok && response.headers[.contentType] == "application/json")
            return Data(buffer: response.body)
        }
        #expect(NSDictionary(dictionary: expected).isEqual(to: try object(body)))
    }

    private func object(_ data: Data) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    @Test("each page has one h1, no id twice, no script or style of its own, and links that lead somewhere")
    func structure() async throws {
        try await Self.application(Snapshot(try Guidelines.shipped())).test(.router) { client in
            for path in ["/", "/guidelines"] {
                let html = String(buffer: try await client.execute(uri: path, method: .get).body)
                #expect(html.matches(of: try Regex("<h1[ >]")).count == 1)
                #expect(!html.contains("<script") && !html.contains("<style") && !html.contains(" style="))
                let ids = html.matches(of: try Regex<(Substring, Substring)>(" id=\"([^\"]+)\"")).map { $0.output.1 }
                #expect(Set(ids).count == ids.count)
                let links = html.matches(of: try Regex<(Substring, Substring)>(" href=\"([^\"]+)\"")).map {
                    $0.output.1
                }
                for link in links {
                    if link.hasPrefix("#") {
                        #expect(ids.contains(link.dropFirst()), "\(link) leads nowhere")
                    } else {
                        let status = try await client.execute(uri: String(link), method: .get).status
                        #expect(status == .ok, "\(link) leads nowhere")
                    }
                }
            }
        }
    }

    @Test(
        "paragraphs are parted by blank lines",
        arguments: [
            ("", []), ("a", ["a"]), ("a\nb", ["a b"]), ("a\n\nb\n", ["a", "b"]), ("\n\n a \n \n\nb", [" a ", "b"]),
        ] as [(String, [String])])
    func paragraphs(text: String, expected: [String]) {
        #expect(GuidelinesView.paragraphs(text) == expected)
    }
}
