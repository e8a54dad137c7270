import Records
import Storage

/// Seeded, so that a failure can be repeated (SplitMix64, https://prng.di.unimi.it/splitmix64.c).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

/// Admissions and settlements of every shape.
enum Samples {
    /// 2026-11-24T12:00:00Z.
    static let noon = Timestamp(microseconds: 1_795_521_600_000_000)

    static func admission(at time: Timestamp = noon, model: String = "gemma") -> Admission {
        Admission(
            record: RecordID(at: time), at: time, key: KeyID(at: time), application: ApplicationID(at: time),
            organisation: OrganisationID(at: time), stage: 1, dialect: .openAIChat, model: model, isStream: false,
            observeOnly: false, tokensReserved: 500, promptVerdict: 0)
    }

    static func settlement(of admission: Admission, outcome: Outcome = .answered) -> Settlement {
        Settlement(
            record: admission.record, at: admission.at.adding(.milliseconds(5)), outcome: outcome, status: 200,
            inputTokens: 20, outputTokens: 300, tokensEstimated: false, upstream: "local", completionVerdict: 0,
            microseconds: StageTimes(parse: 5, decide: 9, queue: 0, firstToken: 2_000, total: 5_000))
    }

    static func text(using generator: inout some RandomNumberGenerator) -> String {
        let alphabet = ["a", "Z", "ß", "漢", "😀", "\u{0}", "\"", "\\"]
        let count = [0, 1, 2, 7, 15, 16, 30, 300].randomElement(using: &generator)!
        return (0..<count).reduce(into: "") { text, _ in text += alphabet.randomElement(using: &generator)! }
    }

    static func findings(using generator: inout some RandomNumberGenerator) -> [FindingCount] {
        (0..<Int.random(in: 0...3, using: &generator)).map { _ in
            FindingCount(
                rule: text(using: &generator), category: text(using: &generator),
                clause: Bool.random(using: &generator) ? text(using: &generator) : nil,
                verdict: .random(in: 0...4, using: &generator), count: .random(in: 0...100_000, using: &generator))
        }
    }

    static func admission(using generator: inout some RandomNumberGenerator) -> Admission {
        let isKnown = Bool.random(using: &generator)
        let time = Timestamp(microseconds: noon.microseconds + .random(in: 0...1_000_000, using: &generator))
        return Admission(
            record: RecordID(at: time, using: &generator), at: time,
            key: isKnown ? KeyID(at: time, using: &generator) : nil,
            application: isKnown ? ApplicationID(at: time, using: &generator) : nil,
            organisation: isKnown ? OrganisationID(at: time, using: &generator) : nil,
            stage: .random(in: 0...2, using: &generator),
            dialect: RecordDialect.allCases.randomElement(using: &generator)!,
            model: text(using: &generator), isStream: .random(using: &generator),
            observeOnly: .random(using: &generator), tokensReserved: .random(in: 0...1 << 40, using: &generator),
            promptVerdict: .random(in: 0...4, using: &generator), promptFindings: findings(using: &generator),
            callerRequestID: Bool.random(using: &generator) ? text(using: &generator) : nil,
            charge: Bool.random(using: &generator) ? charge(using: &generator) : nil)
    }

    static func charge(using generator: inout some RandomNumberGenerator) -> Charge {
        Charge(
            day: .random(in: 0...100_000, using: &generator),
            costReserved: Bool.random(using: &generator) ? .random(in: 0...1 << 60, using: &generator) : nil,
            endUser: Bool.random(using: &generator) ? .random(in: 0 ... .max, using: &generator) : nil)
    }

    static func settlement(of admission: Admission, using generator: inout some RandomNumberGenerator) -> Settlement {
        Settlement(
            record: admission.record, at: admission.at, outcome: Outcome.allCases.randomElement(using: &generator)!,
            status: .random(in: 0...999, using: &generator), inputTokens: .random(in: 0...1 << 40, using: &generator),
            outputTokens: .random(in: 0...1 << 40, using: &generator), tokensEstimated: .random(using: &generator),
            cost: Bool.random(using: &generator) ? .random(in: 0...1 << 50, using: &generator) : nil,
            upstream: Bool.random(using: &generator) ? text(using: &generator) : nil,
            completionVerdict: .random(in: 0...4, using: &generator),
            completionFindings: findings(using: &generator),
            refusal: Bool.random(using: &generator) ? text(using: &generator) : nil,
            clause: Bool.random(using: &generator) ? text(using: &generator) : nil,
            microseconds: StageTimes(
                parse: .random(in: 0...UInt32.max, using: &generator), decide: .random(in: 0...9, using: &generator),
                queue: 3, firstToken: .random(in: 0...UInt32.max, using: &generator), total: .max))
    }
}

extension Record {
    /// As the store has it.
    var storable: Record {
        var record = self
        record.makeStorable()
        return record
    }
}
