import Access
import Filtering
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Limits
import Snapshots
import Storage
import StorageTesting
import Testing
import Web

@testable import Moderation

/// A desk with samples, and somebody who asks it.
private struct SampleClient {
    let client: any TestClientProtocol
    let access: Access
    let store: SampleStore
    let seal: SampleSeal

    func token(_ role: AdminRole, _ name: String? = nil) async throws -> String {
        try await access.tokens.create(role, name: name, at: .now).secret.reveal()
    }

    func ask(
        _ method: HTTPRequest.Method, _ path: String, as token: String, _ body: String? = nil, match: String? = nil
    ) async throws -> TestResponse {
        var headers: HTTPFields = [.authorization: "Bearer \(token)"]
        if let match { headers[.ifMatch] = match }
        return try await client.execute(
            uri: "/admin/v1/filter/samples\(path)", method: method, headers: headers,
            body: body.map { ByteBuffer(string: $0) })
    }
}

@Suite("Samples through the API")
struct SampleRoutesTests {
    private static let day = Timestamp(microseconds: 1_795_000_000_000_000)
    private static let text = "Pay with 4111 1111 1111 1111."

    private static func sample(_ number: Int, _ categories: [String] = ["pii.card"], reason: String = "found") -> Sample
    {
        let at = day.adding(.seconds(number))
        return Sample(
            id: SampleID(at: at), record: RecordID(at: at), at: at, application: ApplicationID(at: day), stage: 1,
            side: "prompt", reason: reason, probability: 0.5, verdict: 2,
            findings: categories.map {
                .init(rule: "test/\($0)", category: $0, clause: nil, verdict: "flag", score: 1, start: 0, end: 3)
            }, scores: ["hate": 0.25], isCut: false)
    }

    private func withClient(
        _ samples: [Sample], engine: StoreEngine = .sqlite, hasSeal: Bool = true,
        _ body: @escaping @Sendable (SampleClient) async throws -> Void
    ) async throws {
        try await engine.withDatabase { database in
            try await database.migrate(Access.migrations + Moderation.migrations, at: Self.day)
            let access = Access(database: database, digester: KeyDigester(secret: Array(0..<32)))
            let store = SampleStore(database: database)
            let seal = try #require(SampleSeal(hexadecimal: String(repeating: "0a", count: 32)))
            _ = try await store.add(samples.map { ($0, Array(Self.text.utf8)) }, under: seal, countMax: 10_000)
            let terms = SampleTerms(taxonomy: try Taxonomy.shipped(), classifier: try ClassifierModel.shipped())
            let routes = SampleRoutes(
                desk: SampleDesk(store: store), seal: hasSeal ? seal : nil, terms: Snapshot(terms))
            let authenticator = AdminAuthenticator(
                tokens: access.tokens, failures: FailureGuard(seed: 1, startingAt: .now), proxies: Snapshot([]))
            let router = DeskRouter.make(
                site: Snapshot(try Site(version: "1", navigation: [])), settings: ListenerSettings(),
                desks: [AdminDesk(authenticator, desks: [routes])])
            try await Hummingbird.Application(router: router).test(.router) { client in
                try await body(SampleClient(client: client, access: access, store: store, seal: seal))
            }
        }
    }

    private static func object(_ response: TestResponse) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(buffer: response.body)) as? [String: Any])
    }

    private static func ids(_ response: TestResponse) throws -> [String] {
        let samples = try #require(try object(response)["samples"] as? [[String: Any]])
        return samples.compactMap { $0["id"] as? String }
    }

    @Test("lists by page, the latest first, each once, and never a text", arguments: [1, 3, 7, 200])
    func pages(limit: Int) async throws {
        let samples = (1...20).map { Self.sample($0, [["pii.card"], ["hate"], []][$0 % 3]) }
        try await withClient(samples) { client in
            let token = try await client.token(.reviewer)
            for (filter, expected) in [
                ("", samples), ("&category=pii", samples.filter { $0.has("pii") }),
                ("&rule=test/hate", samples.filter { $0.has("hate") }),
                ("&not=pii&not=hate", samples.filter(\.findings.isEmpty)), ("&category=spam", []),
            ] {
                var (seen, before) = ([String](), "")
                while true {
                    let response = try await client.ask(.get, "?limit=\(limit)\(filter)\(before)", as: token)
                    #expect(response.status == .ok && response.headers[.cacheControl] == "no-store")
                    #expect(!String(buffer: response.body).contains("4111"))
                    let page = try Self.ids(response)
                    #expect(page.count <= limit)
                    seen += page
                    guard let next = try Self.object(response)["next"] as? String else { break }
                    before = "&before=\(next)"
                }
                #expect(seen == expected.reversed().map(\.id.description), "\(filter)")
            }
        }
    }

    @Test("gives the oldest sample that the reviewer has not judged, without what is declined")
    func next() async throws {
        let samples = [
            Self.sample(1), Self.sample(2, ["sexual"]), Self.sample(3, ["hate", "sexual.minors"]), Self.sample(4),
        ]
        try await withClient(samples) { client in
            let (jane, joe) = (try await client.token(.reviewer, "jane"), try await client.token(.reviewer, "joe"))
            func next(_ token: String, _ query: String = "") async throws -> String? {
                let response = try await client.ask(.get, "/next\(query)", as: token)
                #expect(!String(buffer: response.body).contains("4111"))
                return response.status == .noContent ? nil : try Self.object(response)["id"] as? String
            }
            func declines(_ id: String, _ token: String) async throws {
                #expect(try await client.ask(.post, "/\(id)/decline", as: token).status == .ok)
            }
            let ids = samples.map(\.id.description)
            #expect(try await next(jane) == ids[0])
            #expect(try await next(jane, "?not=pii&not=sexual") == nil)
            #expect(try await next(jane, "?category=sexual") == ids[1])
            try await declines(ids[0], jane)
            #expect(try await next(jane) == ids[1])
            #expect(try await next(jane, "?not=sexual") == ids[3])
            #expect(try await next(joe) == ids[0])
            try await declines(ids[1], jane)
            // What may show the abuse of a child is nobody's next.
            #expect(try await next(jane) == ids[3])
            let listed = try await client.ask(.get, "?waiting=true", as: jane)
            #expect(try Self.ids(listed) == [ids[3], ids[2]])
        }
    }

    @Test("opens a text for those who may, and none that may show the abuse of a child")
    func open() async throws {
        let samples = [Self.sample(1), Self.sample(2, ["sexual.minors"])]
        try await withClient(samples) { client in
            let reviewer = try await client.token(.reviewer)
            let id = samples[0].id
            let opened = try await client.ask(.get, "/\(id)", as: reviewer)
            #expect(try Self.object(opened)["text"] as? String == Self.text)
            #expect(try Self.object(opened)["is_blurred"] as? Bool == false)
            #expect(opened.headers[.eTag] != nil && opened.headers[.cacheControl] == "no-store")
            let auditor = try await client.ask(.get, "/\(id)", as: try await client.token(.auditor))
            #expect(auditor.status == .forbidden && !String(buffer: auditor.body).contains("4111"))
            let administrator = try await client.token(.administrator)
            let restricted = try await client.ask(.get, "/\(samples[1].id)", as: administrator)
            #expect(restricted.status == .forbidden && !String(buffer: restricted.body).contains("4111"))
            // From the moment that a reviewer says so.
            let said = try await client.ask(
                .post, "/\(id)/labels", as: reviewer, #"{"category": "sexual.minors", "judgement": "yes"}"#, match: "*")
            #expect(said.status == .ok)
            #expect(try await client.ask(.get, "/\(id)", as: administrator).status == .forbidden)
        }
    }

    @Test("of two who judge at once one wins and the other is told", arguments: StoreEngine.allCases)
    func atOnce(_ engine: StoreEngine) async throws {
        let sample = Self.sample(1)
        try await withClient([sample], engine: engine) { client in
            var tokens: [String] = []
            for number in 0..<6 { tokens.append(try await client.token(.reviewer, "reviewer \(number)")) }
            let tag = try #require(try await client.ask(.get, "/next", as: tokens[0]).headers[.eTag])
            let body = #"{"category": "pii.card", "judgement": "no"}"#
            let statuses = try await withThrowingTaskGroup(of: HTTPResponse.Status.self) { group in
                for token in tokens {
                    group.addTask {
                        try await client.ask(.post, "/\(sample.id)/labels", as: token, body, match: tag).status
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(
                statuses.count { $0 == .ok } == 1 && statuses.count { $0 == .preconditionFailed } == 5, "\(statuses)")
            #expect(try await client.store.labels().count == 1)
            // Who reads again may say something too.
            let again = try await client.ask(.get, "/\(sample.id)", as: tokens[1]).headers[.eTag]
            let second = try await client.ask(.post, "/\(sample.id)/labels", as: tokens[1], body, match: again)
            #expect(second.status == .ok && second.headers[.eTag] != again)
        }
    }

    @Test("a text that was erased meanwhile makes what was read of it stale")
    func stale() async throws {
        let sample = Self.sample(1)
        try await withClient([sample]) { client in
            let (jane, ann) = (try await client.token(.reviewer, "jane"), try await client.token(.safetyAnalyst))
            let body = #"{"category": "pii.card", "judgement": "no"}"#
            let labelled = try await client.ask(.post, "/\(sample.id)/labels", as: jane, body, match: "*")
            #expect(try await client.ask(.delete, "/\(sample.id)/text", as: jane).status == .forbidden)
            #expect(try await client.ask(.delete, "/\(sample.id)/text", as: ann).status == .noContent)
            let stale = try await client.ask(
                .post, "/\(sample.id)/labels", as: jane, body, match: labelled.headers[.eTag])
            #expect(stale.status == .preconditionFailed && String(buffer: stale.body).contains("erased"))
            #expect(try Self.object(try await client.ask(.get, "/\(sample.id)", as: jane))["text"] == nil)
            #expect(try await client.ask(.get, "/next", as: ann).status == .noContent)
        }
    }

    @Test("tells figures with the names that commands print")
    func figures() async throws {
        let samples = (1...12).map { Self.sample($0) }
        try await withClient(samples) { client in
            let token = try await client.token(.safetyAnalyst)
            for sample in samples {
                let response = try await client.ask(
                    .post, "/\(sample.id)/labels", as: token, #"{"category":"pii.card","judgement":"no"}"#, match: "*")
                #expect(response.status == .ok)
            }
            for path in ["/precision", "/proposals"] {
                let response = try await client.ask(.get, path, as: token)
                let rules = try #require(
                    try JSONSerialization.jsonObject(with: Data(buffer: response.body)) as? [[String: Any]])
                #expect(rules.count == 1 && rules[0]["proposes_shadow"] as? Bool == true)
                #expect(
                    Set(rules[0].keys) == [
                        "rule", "category", "samples", "judged", "precision", "low", "high", "proposes_shadow",
                    ])
                #expect(rules[0]["judged"] as? Int == 12 && rules[0]["precision"] as? Double == 0)
            }
            let thresholds = try await client.ask(.get, "/thresholds?category=hate", as: token)
            #expect(String(buffer: thresholds.body).contains("false_positives"))
        }
    }

    @Test(
        "says what to change",
        arguments: [
            ("GET", "?categry=pii", nil, nil, 400, "unknown_parameter", "category"),
            ("GET", "?limit=0", nil, nil, 400, "invalid_value", "1 to 200"),
            ("GET", "?limit=1;DROP", nil, nil, 400, "invalid_value", "limit"),
            ("GET", "?before=smp_x'--", nil, nil, 400, "invalid_value", "smp_"),
            ("GET", "?reason=often", nil, nil, 400, "invalid_value", "unsure"),
            ("GET", "?not=pii&not=sexul", nil, nil, 400, "unknown_category", "sexual"),
            ("GET", "/next?category=hat", nil, nil, 400, "unknown_category", "hate"),
            ("GET", "?category=a&category=b", nil, nil, 400, "invalid_value", "once"),
            ("GET", "/smp_x", nil, nil, 400, "invalid_value", "smp_"),
            ("GET", "/smp_01jdb3k6y8v4m2n7q9r5s1t3w6", nil, nil, 404, "unknown_sample", "samples"),
            ("GET", "/thresholds", nil, nil, 400, "invalid_value", "category"),
            ("GET", "/thresholds?category=pii.card", nil, nil, 400, "category_without_score", "hate"),
            ("POST", "/ID/labels", "{}", nil, 428, "if_match_needed", "ETag"),
            ("POST", "/ID/labels", "{}", "*", 400, "invalid_value", "category is missing"),
            ("POST", "/ID/labels", "", "*", 400, "invalid_value", "category is missing"),
            ("POST", "/ID/labels", "[]", "*", 400, "invalid_value", "object"),
            ("POST", "/ID/labels", "{\"category\":1}", "*", 400, "invalid_value", "string"),
            ("POST", "/ID/labels", "{\"a\":\"b\"}", "*", 400, "unknown_member", "judgement"),
            (
                "POST", "/ID/labels", "{\"category\":\"hate\",\"category\":\"pii\"}", "*", 400, "malformed_json",
                "Duplicate"
            ),
            ("POST", "/ID/labels", "{\"category\":\"hate\"", "*", 400, "malformed_json", "ends too early"),
            (
                "POST", "/ID/labels", "{\"category\":\"pii.crad\",\"judgement\":\"no\"}", "*", 400, "unknown_category",
                "pii.card"
            ),
            (
                "POST", "/ID/labels", "{\"category\":\"pii.card\",\"judgement\":\"maybe\"}", "*", 400,
                "unknown_judgement", "unsure"
            ),
            (
                "POST", "/ID/labels", "{\"category\":\"pii.card\",\"judgement\":\"no\"}", "\"0\"", 412,
                "sample_changed", "again"
            ),
            ("POST", "/ID/decline", "{\"category\":\"x\"}", nil, 400, "unknown_category", "x"),
            ("POST", "/ID/decline", nil, nil, 400, "category_needed", "violence"),
        ] as [(String, String, String?, String?, Int, String, String)])
    func mistakes(
        method: String, path: String, body: String?, match: String?, status: Int, code: String, says: String
    ) async throws {
        let sample = Self.sample(1, [])
        try await withClient([sample]) { client in
            let token = try await client.token(.administrator)
            let response = try await client.ask(
                try #require(HTTPRequest.Method(method)), path.replacing("ID", with: sample.id.description), as: token,
                body,
                match: match)
            let problem = try Self.object(response)
            #expect(response.status.code == status && problem["code"] as? String == code, "\(problem)")
            #expect("\(problem["title"] ?? "") \(problem["detail"] ?? "")".contains(says), "\(problem)")
            #expect(response.headers[.contentType] == "application/problem+json")
            #expect(try await client.store.labels().isEmpty)
        }
    }

    @Test("are in the guide, each route of them, with its action")
    func guide() async throws {
        let top = URL(filePath: #filePath).resolvingSymlinksInPath()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let guide = try String(contentsOf: top.appending(path: "docs/guides/judge-samples.md"), encoding: .utf8)
        let rows = guide.split(separator: "\n").filter { $0.hasPrefix("| `") }
        let terms = SampleTerms(taxonomy: try Taxonomy.shipped(), classifier: nil)
        let desk = SampleDesk(store: SampleStore(database: try await StoreEngine.sqlite.makeStore().open()))
        let routes = AdminRouter.routes(of: [SampleRoutes(desk: desk, seal: nil, terms: Snapshot(terms))])
        #expect(rows.count == routes.count && routes.count == 9)
        for route in routes {
            let shown = "| `\(route.method) …\(route.path.dropFirst("/filter".count))"
            #expect(rows.contains { $0.hasPrefix(shown) && $0.contains("| \(route.action.words) |") }, "\(shown)")
        }
    }

    @Test("refuses a body that is too large")
    func bound() async throws {
        let sample = Self.sample(1)
        try await withClient([sample]) { client in
            let body = #"{"category": ""# + String(repeating: "x", count: 20_000) + #"", "judgement": "no"}"#
            let response = try await client.ask(
                .post, "/\(sample.id)/labels", as: try await client.token(.reviewer), body, match: "*")
            #expect(response.status == .contentTooLarge && String(buffer: response.body).contains("16384"))
        }
    }

    @Test("says that there is no key where no texts are kept")
    func withoutKey() async throws {
        let sample = Self.sample(1)
        try await withClient([sample], hasSeal: false) { client in
            let response = try await client.ask(.get, "/\(sample.id)", as: try await client.token(.reviewer))
            #expect(try response.status == .conflict && Self.object(response)["code"] as? String == "no_samples_key")
        }
    }
}
