import Testing

@testable import Access

@Suite("The text of an API key")
struct APIKeyTextTests {
    static let seeds: [UInt64] = Array(1...8)

    static func key(_ stage: Stage, seed: UInt64) -> [UInt8] {
        var generator = SeededGenerator(seed: seed)
        return Array(APIKeyText.generate(stage, using: &generator).utf8)
    }

    static func form(_ key: [UInt8]) -> APIKeyText.Form {
        key.withUnsafeBufferPointer { APIKeyText.parse($0) }
    }

    @Test("is well formed when it was made here, and says its stage", arguments: Stage.allCases, seeds)
    func acceptsItsOwn(_ stage: Stage, seed: UInt64) {
        let key = Self.key(stage, seed: seed)
        #expect(Self.form(key) == .wellFormed(stage))
        #expect(key.count == (stage == .sandbox ? 50 : 47))
    }

    @Test("is never well formed with one wrong character", arguments: Stage.allCases, seeds)
    func catchesSubstitutions(_ stage: Stage, seed: UInt64) {
        let key = Self.key(stage, seed: seed)
        for index in key.indices {
            for byte in UInt8.min...UInt8.max where byte != key[index] {
                var wrong = key
                wrong[index] = byte
                let form = Self.form(wrong)
                if index < 4 {
                    #expect(form == .notOurs, "\(byte) at \(index)")
                } else {
                    #expect(form == .mistyped, "\(byte) at \(index)")
                }
            }
        }
    }

    @Test("is never well formed with two neighbours swapped", arguments: Stage.allCases, seeds)
    func catchesTranspositions(_ stage: Stage, seed: UInt64) {
        let key = Self.key(stage, seed: seed)
        for index in key.indices.dropLast() where key[index] != key[index + 1] {
            var wrong = key
            wrong.swapAt(index, index + 1)
            #expect(Self.form(wrong) == (index < 4 ? .notOurs : .mistyped), "at \(index)")
        }
    }

    @Test("is never well formed when cut, doubled or lengthened", arguments: Stage.allCases)
    func catchesLengths(_ stage: Stage) {
        let key = Self.key(stage, seed: 1)
        for count in 0..<key.count {
            #expect(Self.form(Array(key[..<count])) == (count < 4 ? .notOurs : .mistyped))
        }
        #expect(Self.form(key + key) == .mistyped)
        #expect(Self.form(key + [0x0A]) == .mistyped)
        #expect(Self.form([0x20] + key) == .notOurs)
    }

    @Test(
        "of another provider is not ours", arguments: ["", "sk-proj-abc", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"])
    func refusesStrangers(_ text: String) {
        #expect(APIKeyText.parse(text) == .notOurs)
    }

    @Test("has the checksum that zlib computes")
    func checksums() {
        // The check value of CRC-32/ISO-HDLC.
        let checksum = Array("123456789".utf8).withUnsafeBufferPointer { CRC32.checksum(of: $0) }
        #expect(checksum == 0xCBF4_3926)
    }

    @Test("is random in each of its characters")
    func isRandom() {
        var generator = SystemRandomNumberGenerator()
        let keys = (0..<2_000).map { _ in Array(APIKeyText.generate(.production, using: &generator).utf8) }
        #expect(Set(keys).count == keys.count)
        for index in 9..<41 {
            #expect(Set(keys.map { $0[index] }).count == 62, "at \(index)")
        }
    }

    @Test("does not show itself when printed")
    func staysSecret() {
        let secret = APIKeySecret("stw_live_x")
        #expect("\(secret)" == "[secret]")
        #expect(String(reflecting: secret) == "[secret]")
        #expect(secret.reveal() == "stw_live_x")
    }
}

/// SplitMix64, for cases that are the same in every run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
