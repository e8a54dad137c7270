import Foundation
import SharedLimits
import Testing

@testable import Steward

@Suite("Settings of shared limits")
struct SharedLimitSettingsTests {
    private func load(_ yaml: String, _ environment: [String: String] = [:]) throws -> Settings {
        try SettingsLoader(environment: environment).load(yaml: yaml, file: "steward.yaml")
    }

    @Test("without a host, each process keeps its own limits")
    func off() throws {
        #expect(try load("gateway: {port: 0}").redis == nil)
    }

    @Test("what the parts get is what was set, and the password shows nowhere")
    func typed() throws {
        let settings = try load(
            """
            limits:
              shared: {host: redis.internal, port: 6380, database: 2, user: steward, password_env: REDIS_WORD,
                       namespace: "a:b", away: local_share, processes: 3, lease_percent: 7, lease_time: 4s, timeout: 9ms}
            """, ["REDIS_WORD": "hunter22"])
        let redis = try #require(settings.redis)
        #expect(redis.host == "redis.internal" && redis.port == 6_380 && redis.database == 2)
        #expect(redis.user == "steward" && redis.namespace == "a:b" && redis.timeout == 9_000_000)
        #expect(redis.password != nil)
        #expect(!"\(redis)".contains("hunter22") && !String(reflecting: redis).contains("hunter22"))
        let terms = settings.leaseTerms
        #expect(terms.away == .localShare && terms.processes == 3 && terms.percentMax == 7)
        #expect(terms.lifetime == 4_000_000_000)
    }

    @Test("a password in a file is read without its last line's end")
    func file() throws {
        let file = try TemporaryFile("hunter22\n", named: "redis-password")
        #expect(try load("limits: {shared: {host: h, password_file: \(file.path)}}").redis?.password != nil)
    }

    @Test(
        "what can't be is a problem",
        arguments: [
            ("user: steward", "without a password"), ("namespace: 'a{b}'", "characters"),
            ("password_env: REDIS_WORD, password_file: /dev/null", "Both"), ("password_env: BAD_WORD", "can't be used"),
            ("away: open", "can't be"), ("processes: 0", "can't be"), ("lease_percent: 51", "can't be"),
        ])
    func problems(written: String, part: String) {
        let problems = SettingsMatrixTests.problems(
            "limits: {shared: {host: h, \(written)}}",
            environment: ["REDIS_WORD": "hunter22", "BAD_WORD": "two words"])
        #expect(problems.count == 1, "\(problems)")
        #expect(problems.first?.message.contains(part) ?? false, "\(problems)")
        #expect(!"\(problems)".contains("two words"))
    }
}
