import Foundation
import Logging
import Rehearsal
import Testing

@testable import Steward

@Suite("Which models are served")
struct ModelPlanTests {
    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    static func settings(_ yaml: String? = nil) throws -> Settings {
        try SettingsLoader(environment: [:]).load(yaml: yaml, file: "steward.yaml")
    }

    @Test("without a word, the rehearsal model with all its names, and it says what it is")
    func rehearsal() async throws {
        let keeper = RehearsalKeeper()
        let plan = try await ModelPlan.make(try Self.settings(), upstream: nil, rehearsal: keeper)
        #expect(plan.models.first?.name == "rehearsal")
        #expect(plan.models.contains { $0.name == "rehearsal-embedding" })
        #expect(plan.models.allSatisfy { $0.takesOptions && !$0.admitsUnscreened.isEmpty })
        #expect(plan.description.contains("no language model"))
        try await keeper.stop(grace: .zero)
    }

    @Test("configured models alone, or with the rehearsal model, or none at all")
    func configured() async throws {
        let keeper = RehearsalKeeper()
        let alone = try await ModelPlan.make(
            try Self.settings(ModelSettingsTests.whole), upstream: nil, rehearsal: keeper)
        #expect(alone.models.map(\.name) == ["small"] && !alone.hasRehearsal)
        let both = try await ModelPlan.make(
            try Self.settings(ModelSettingsTests.whole + "\nrehearsal: {enabled: true}"), upstream: nil,
            rehearsal: keeper)
        #expect(both.models.count > 1 && both.models[0].name == "small")
        try await keeper.stop(grace: .zero)
        await #expect(throws: CommandFailure.self) {
            try await ModelPlan.make(
                try Self.settings("rehearsal: {enabled: false}"), upstream: nil, rehearsal: keeper)
        }
    }

    @Test("an upstream on the command line replaces configured ones, and is asked for its models")
    func upstream() async throws {
        let keeper = RehearsalKeeper()
        let server = try await RehearsalServer(configuration: RehearsalConfiguration(), logger: Self.logger).start()
        let url = try UpstreamURL(server.baseURL)
        let asked = try await ModelPlan.make(
            try Self.settings(ModelSettingsTests.whole),
            upstream: UpstreamChoice(url: url, models: [], credential: nil), rehearsal: keeper)
        #expect(asked.models.map(\.name).contains("rehearsal-echo") && !asked.hasRehearsal)
        #expect(!asked.models.contains { $0.name == "small" || $0.takesOptions })
        let named = try await ModelPlan.make(
            try Self.settings(),
            upstream: UpstreamChoice(url: url, models: ["a", "b"], credential: CredentialText("secret")),
            rehearsal: keeper)
        #expect(named.models.map(\.name) == ["a", "b"])
        #expect(!"\(named.models)".contains("secret"))
        try await server.stop(grace: .zero)
        // Nobody listens there any more.
        await #expect(throws: CommandFailure.self) {
            try await UpstreamModels(url: url, credential: nil).names(patience: .zero)
        }
    }

    @Test("a server that has no such list is told so, without asking again")
    func noList() async throws {
        let server = try await RehearsalServer(configuration: RehearsalConfiguration(), logger: Self.logger).start()
        let url = try UpstreamURL(server.baseURL + "/elsewhere")
        let failure = await #expect(throws: CommandFailure.self) {
            try await UpstreamModels(url: url, credential: nil).names()
        }
        #expect(failure?.message.contains("--upstream-model") == true)
        #expect(server.observations.requestCount == 1)
        try await server.stop(grace: .zero)
    }

    @Test("the rehearsal model shares no connection with a configured server, whatever that is called")
    func upstreamNames() async throws {
        let keeper = RehearsalKeeper()
        let yaml = """
            rehearsal: {enabled: true}
            models:
              - name: small
                upstreams:
                  - {name: rehearsal, url: "http://127.0.0.1:8000"}
                  - {name: rehearsal-built-in, url: "http://127.0.0.1:8001"}
                  - {name: rehearsal-echo, url: "http://127.0.0.1:8002"}
            """
        let plan = try await ModelPlan.make(try Self.settings(yaml), upstream: nil, rehearsal: keeper)
        let ports = Dictionary(grouping: plan.models.flatMap(\.upstreams), by: \.name).mapValues { Set($0.map(\.port)) }
        #expect(plan.models.count > 1)
        #expect(ports.values.allSatisfy { $0.count == 1 })
        #expect(ports["rehearsal"] == [8_000] && ports["rehearsal-echo"] == [8_002])
        try await keeper.stop(grace: .zero)
    }
}
