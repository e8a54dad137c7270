import Access
import Filtering
import Foundation
import JSON
import Limits
import Storage
import Testing

@testable import Gateway

@Suite("The OpenAPI document and the gateway")
struct OpenAPITests {
    typealias Object = [String: Any]

    static let root = URL(filePath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    let document: Object
    let components: Object

    init() throws {
        let file = Self.root.appending(path: "Sources/Moderation/Resources/openapi.json")
        document = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? Object)
        components = try #require(document["components"] as? Object)
    }

    /// By `post /v1/…`.
    private func operations() throws -> [String: Object] {
        let paths = try #require(document["paths"] as? [String: Object])
        return Dictionary(
            uniqueKeysWithValues: paths.flatMap { path, methods in
                methods.compactMap { method, operation in
                    (operation as? Object).map { ("\(method) \(path)", $0) }
                }
            })
    }

    // MARK: - Routes

    /// Does not compile when a kind of route is missing.
    private static func operation(of route: Route) -> (name: String, scope: KeyScope) {
        switch route {
        case .forward(let dialect): ("post \(dialect.traits.path)", dialect.traits.scope)
        case .moderations: ("post /v1/moderations", .moderations)
        case .models: ("get /v1/models", .models)
        case .model: ("get /v1/models/{model}", .models)
        }
    }

    private static let routes: [Route] = Dialect.allCases.map(Route.forward) + [.moderations, .models, .model("a")]

    @Test("has every route of the gateway and no other, with its scope")
    func routes() throws {
        let operations = try operations()
        #expect(Set(operations.keys) == Set(Self.routes.map { Self.operation(of: $0).name }))
        for route in Self.routes {
            let (name, scope) = Self.operation(of: route)
            let security = try #require(operations[name]?["security"] as? [[String: [String]]])
            #expect(security == [["bearer": [scope.rawValue]], ["apiKey": [scope.rawValue]]], "\(name)")
        }
    }

    @Test("has addresses that lead where they say, by the method that they say; all are told to who misses them")
    func addresses() throws {
        let missing = Refusal(.unknownRoute).explanation.message
        for name in try operations().keys {
            let parts = name.split(separator: " ").map(String.init)
            let route = try Route(path: parts[1].replacing("{model}", with: "a"))
            #expect(Self.operation(of: route).name == name)
            for (method, word) in [(.get, "get"), (.post, "post"), (.head, "head"), (.other, "put")]
                as [(RequestHead.Method, String)]
            {
                if word == parts[0] {
                    #expect(throws: Never.self) { try route.require(method) }
                } else {
                    #expect(throws: PathExit.self) { try route.require(method) }
                }
            }
            #expect(missing.contains(parts[1].replacing("/{model}", with: "")))
        }
    }

    @Test(
        "reads a model's name as client libraries escape it",
        arguments: [
            ("a", "a"), ("org%2Fmodel", "org/model"), ("org/model", "org/model"), ("a%3fb%3D1", "a?b=1"),
            ("%C3%A9", "é"), ("100%", "100%"), ("%2", "%2"), ("%zz", "%zz"), ("%25%32%46", "%2F"), ("%ff", "\u{FFFD}"),
        ])
    func escapes(written: String, name: String) throws {
        #expect(try Route(path: "/v1/models/\(written)") == .model(name))
    }

    // MARK: - Errors

    private static func limit(of kind: LimitKind) -> LimitRefusal {
        LimitRefusal(reason: .exhausted, scope: .key, kind: kind, limit: 1, remaining: 0, retryAfter: nil, reset: .zero)
    }

    private static let budget = BudgetRefusal.Exhausted(scope: .key, kind: .moneyPerMonth, budget: 1, renewsAt: 0)

    /// One of each kind, the next of which is named here, so that it does not compile when one is missing.
    private static func reason(after reason: Refusal.Reason?) -> Refusal.Reason? {
        switch reason {
        case nil: return .malformedHTTP(.malformed("something"))
        case .malformedHTTP: return .headTimeout
        case .headTimeout: return .unknownRoute
        case .unknownRoute: return .methodNotAllowed(allowed: "GET")
        case .methodNotAllowed: return .bodyTooLarge(max: 1)
        case .bodyTooLarge: return .bodyTimeout
        case .bodyTimeout: return .encodedBody
        case .encodedBody: return .noForm
        case .noForm:
            return .malformedJSON(JSONError(problem: .empty, offset: 0, line: 1, column: 1, pointer: ""))
        case .malformedJSON: return .invalidField(param: "n", problem: "")
        case .invalidField: return .missingKey
        case .missingKey: return .mistypedKey
        case .mistypedKey: return .unknownKey
        case .unknownKey: return .expiredKey
        case .expiredKey: return .suspended(what: "application")
        case .suspended: return .networkNotAllowed
        case .networkNotAllowed: return .scopeMissing("models")
        case .scopeMissing: return .tooManyFailures
        case .tooManyFailures: return .unknownModel("a")
        case .unknownModel: return .modelNotAllowed("a")
        case .modelNotAllowed: return .dialectNotServed(model: "a")
        case .dialectNotServed: return .unscreenable(.images, param: "a")
        case .unscreenable: return .endUserMissing(param: "user")
        case .endUserMissing: return .limit(limit(of: .requests))
        case .limit: return .costAboveBurst(limit(of: .tokens))
        case .costAboveBurst: return .limitTableFull
        case .limitTableFull: return .budget(budget, currency: "EUR")
        case .budget: return .costAboveBudget(budget, currency: "EUR")
        case .costAboveBudget: return .unpriced(model: "a")
        case .unpriced: return .limitsUnavailable
        case .limitsUnavailable: return .overloaded(.connections)
        case .overloaded: return .draining
        case .draining: return .guideline(Category("spam"), side: .prompt)
        case .guideline: return .judgeUnavailable
        case .judgeUnavailable: return .recordUnavailable
        case .recordUnavailable: return nil
        }
    }

    /// As `reason(after:)`.
    private static func failure(after failure: UpstreamFailure?) -> UpstreamFailure? {
        switch failure {
        case nil: .connect("")
        case .connect: .connectTimeout
        case .connectTimeout: .firstByteTimeout
        case .firstByteTimeout: .idleTimeout
        case .idleTimeout: .totalTimeout
        case .totalTimeout: .closedEarly
        case .closedEarly: .malformed("")
        case .malformed: .answerTooLarge(bytesMax: 1)
        case .answerTooLarge: .encoded
        case .encoded: .status(500, retryAfterMilliseconds: nil)
        case .status: .rejected(status: 400, message: "", param: nil)
        case .rejected: .saturated
        case .saturated: .noRoom
        case .noRoom: UpstreamFailure.none
        case .some(.none): .broken(retryAfterSeconds: 1)
        case .broken: .unhealthy(retryAfterSeconds: 1)
        case .unhealthy: .cancelled
        case .cancelled: nil
        }
    }

    private static func all<Value>(_ next: @escaping (Value?) -> Value?) -> [Value] {
        Array(
            sequence(state: Value?.none) { last in
                last = next(last)
                return last
            })
    }

    /// What is answered before an address is known, so in OpenAI's shape.
    private static let early: [PathExit] =
        ([.tooLarge, .tooManyFields, .unsupportedVersion, .unsupportedTransferCoding, .malformed("")] as [HeadProblem])
        .map { .refused(.malformedHTTP($0)) }
        + ([.headTimeout, .unknownRoute, .overloaded(.connections)] as [Refusal.Reason]).map { .refused(Refusal($0)) }

    /// Every way off the path on which somebody is told something.
    private static let exits: [PathExit] =
        all(reason).map { .refused(Refusal($0)) } + all(failure).map { .upstream($0) }
        + [429, 503, 529].map { .upstream(.status($0, retryAfterMilliseconds: nil)) }
        + [400, 413, 422].map { .upstream(.rejected(status: $0, message: "", param: nil)) }
        + [.refused(Refusal(.limit(limit(of: .tokens)))), .internal("")]

    /// What a caller is told, and how the document names it.
    private struct Told: Hashable {
        let status: Int
        let code: String
    }

    private func told(_ exit: PathExit, _ api: API) throws -> (Told, error: CallerError, type: String) {
        let trace = Trace(id: RecordID(at: .now), at: .now, arrivedAt: .now)
        trace.api = api
        let error = CallerError(exit, trace: trace, addresses: PublicAddresses(desk: "https://desk.example.org"))
        let body = try #require(try JSONSerialization.jsonObject(with: Data(error.body)) as? Object)
        let detail = try #require(body["error"] as? Object)
        let code = try #require(detail["code"] as? String)
        return (Told(status: error.status, code: code), error, try #require(detail["type"] as? String))
    }

    /// The codes that the document has for a status.
    private func codes(_ status: Int) throws -> [Told] {
        let schemas = try #require(components["schemas"] as? [String: Object])
        let codes = try #require(schemas["Codes\(status)"]?["enum"] as? [String], "no codes of \(status)")
        #expect(Set(codes).count == codes.count)
        return codes.map { Told(status: status, code: $0) }
    }

    private func statuses(_ operation: String) throws -> [Int] {
        let responses = try #require(try operations()[operation]?["responses"] as? Object)
        return responses.keys.compactMap(Int.init).filter { $0 >= 400 }
    }

    /// A response, which the document has under a name of its own.
    private func response(_ status: Int, of operation: String) throws -> Object {
        let responses = try #require(components["responses"] as? [String: Object])
        guard status != 405 else { return try #require(responses["\(Self.prefix(operation))MethodNotAllowed"]) }
        let own = try #require(try operations()[operation]?["responses"] as? [String: Object])
        let reference = try #require(own[String(status)]?["$ref"] as? String, "\(operation) has no \(status)")
        return try #require(responses[String(reference.split(separator: "/").last ?? "")])
    }

    private static func prefix(_ operation: String) -> String {
        operation.hasPrefix("post /v1/messages") ? "Anthropic" : operation.hasPrefix("get ") ? "Models" : ""
    }

    @Test("has every status and code that a caller may be told, and no other; so has the page of errors")
    func errors() throws {
        let made = Set(try (Self.exits + Self.early).map { try told($0, .openAI).0 })
        let documented = Set(try (statuses("post /v1/chat/completions") + [405]).flatMap(codes))
        #expect(made == documented)

        let madeAnthropic = Set(try Self.exits.map { try told($0, .anthropic).0 })
        let early = Set(try Self.early.map { try told($0, .openAI).0 })
        let documentedAnthropic = Set(try (statuses("post /v1/messages") + [405]).flatMap(codes))
        #expect(madeAnthropic.union(early) == documentedAnthropic)

        let page = try String(contentsOf: Self.root.appending(path: "docs/reference/errors.md"), encoding: .utf8)
        let rows = page.matches(of: try Regex<(Substring, Substring, Substring)>(#"(?m)^\| ([0-9, ]+) \| (`[^|]*) \|"#))
        let explained = rows.flatMap { row in
            row.output.1.split(separator: ", ").flatMap { status in
                row.output.2.split(separator: ", ").map {
                    Told(status: Int(status) ?? 0, code: $0.trimmingCharacters(in: ["`"]))
                }
            }
        }
        #expect(Set(explained) == made)
    }

    @Test("says of each error its type and whether it is worth to ask again")
    func typesAndRetries() throws {
        for (api, operation) in [(.openAI, "post /v1/chat/completions"), (.anthropic, "post /v1/messages")]
            as [(API, String)]
        {
            for exit in Self.exits {
                let (told, error, type) = try told(exit, api)
                let response = try response(told.status, of: operation)
                let text = try Self.text(response)
                if api == .anthropic { #expect(text.contains(#""type":{"const":"\#(type)"}"#), "\(told) has \(type)") }
                let documented: [Bool?] =
                    text.contains("/RetryNever")
                    ? [false]
                    : text.contains("/RetryAlways")
                        ? [true]
                        : text.contains("/RetrySometimes")
                            ? [true, nil] : text.contains("/RetryDepends") ? [true, false, nil] : [nil]
                #expect(documented.contains(error.shouldRetry), "\(told)")
            }
        }
    }

    @Test("has OpenAI's types of errors that there are, and no other")
    func types() throws {
        let schemas = try #require(components["schemas"] as? [String: Object])
        let text = try Self.text(try #require(schemas["Error"]))
        let documented = try #require(text.firstMatch(of: try Regex<(Substring, Substring)>(#""enum":\[([^\]]*)\]"#)))
        let types = documented.output.1.split(separator: ",").map { $0.trimmingCharacters(in: ["\""]) }
        #expect(Set(types) == Set(try Self.exits.map { try told($0, .openAI).type }))
    }

    @Test("gives each operation, for each status, the codes of that status in the shape of its API")
    func shapes() throws {
        for operation in try operations().keys {
            for status in try statuses(operation) {
                let text = try Self.text(try response(status, of: operation))
                #expect(text.contains("/Codes\(status)\""), "\(operation) \(status)")
                let isAnthropic = operation.hasPrefix("post /v1/messages")
                let isOfEither = operation.hasPrefix("get ")
                // Of heads that were not read; those of the others may have a body that was not.
                let early = isOfEither ? [408, 431, 501, 505] : [431, 501, 505]
                #expect(
                    text.contains("/AnthropicError\"") == ((isAnthropic || isOfEither) && !early.contains(status)),
                    "\(operation) \(status)")
            }
        }
    }

    /// Compact, members in the order of their names.
    private static func text(_ value: Object) throws -> String {
        let data = try JSONSerialization.data(withJSONObject: value, options: [.sortedKeys, .withoutEscapingSlashes])
        return String(decoding: data, as: UTF8.self)
    }
}
