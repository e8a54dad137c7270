import Glibc
import Storage
import StorageTesting
import Testing

@testable import Access

@Suite("The digest of a key")
struct KeyDigestTests {
    static let digester = KeyDigester(secret: Array(0..<32))

    @Test("is HMAC-SHA256")
    func isHMAC() {
        // python3: hmac.new(bytes(range(32)), b"what do ya want for nothing?", "sha256")
        let digest = Self.digester.digest("what do ya want for nothing?")
        #expect(digest.sqlValue == .bytes(Self.expected))
        #expect(KeyDigest(sqlValue: digest.sqlValue) == digest)
    }

    static let expected: [UInt8] = [
        0x09, 0x98, 0x05, 0xF4, 0xAC, 0x31, 0x07, 0x86, 0x96, 0x85, 0x65, 0xC0, 0x98, 0xDB, 0x51, 0x5C,
        0xC5, 0x08, 0x62, 0xB4, 0x20, 0xAE, 0x31, 0xE2, 0x02, 0x38, 0x31, 0x23, 0x44, 0xBE, 0xD3, 0x6A,
    ]

    @Test("differs from every other digest that differs in one bit")
    func comparesEveryBit() throws {
        for bit in 0..<256 {
            var bytes = Self.expected
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            let other = try #require(KeyDigest(sqlValue: .bytes(bytes)))
            #expect(other != Self.digester.digest("what do ya want for nothing?"), "bit \(bit)")
        }
    }

    @Test("is the same however often and by whomever it is computed")
    func isStateless() async {
        let first = Self.digester.digest("a")
        await withTaskGroup(of: KeyDigest.self) { group in
            for number in 0..<200 {
                group.addTask {
                    _ = Self.digester.digest("\(number)")
                    return Self.digester.digest("a")
                }
            }
            for await digest in group { #expect(digest == first) }
        }
        #expect(KeyDigester(secret: Array(1...32)).digest("a") != first)
    }
}

@Suite("The digest key")
struct DigestKeyTests {
    @Test("is made once, for its owner alone, by whoever comes first")
    func isMadeOnce() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/digest-key"
        let digests = try await withThrowingTaskGroup(of: KeyDigest.self) { group in
            for _ in 0..<16 { group.addTask { try DigestKey.readOrMake(path).digest("a") } }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(digests.count == 1)
        var status = stat()
        #expect(stat(path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        #expect(status.st_size == 65)
    }

    @Test("is refused when others may read it", arguments: [0o640, 0o604, 0o620, 0o601, 0o644] as [mode_t])
    func refusesExposed(_ mode: mode_t) throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/digest-key"
        _ = try DigestKey.readOrMake(path)
        chmod(path, mode)
        #expect(throws: AccessError.digestKeyExposed(path: path, mode: String(mode, radix: 8))) {
            try DigestKey.readOrMake(path)
        }
    }

    @Test(
        "is refused when it is malformed",
        arguments: ["", "abc", String(repeating: "0", count: 63), String(repeating: "g", count: 64)])
    func refusesMalformed(_ text: String) {
        #expect(throws: AccessError.digestKeyMalformed(source: "STEWARD_DIGEST_KEY")) {
            try DigestKey.parse(text, source: "STEWARD_DIGEST_KEY")
        }
    }

    @Test("may be given in either case and with a line's end")
    func readsVariants() throws {
        let lower = try DigestKey.parse(String(repeating: "0a", count: 32), source: "x")
        let upper = try DigestKey.parse(String(repeating: "0A", count: 32) + "\n", source: "x")
        let same = KeyDigester(secret: [UInt8](repeating: 10, count: 32))
        #expect(lower.digest("a") == same.digest("a"))
        #expect(upper.digest("a") == same.digest("a"))
    }

    @Test("that is missing is named")
    func namesMissing() {
        #expect(throws: AccessError.self) { try DigestKey.read("/nowhere/digest-key") }
        #expect(throws: AccessError.self) { try DigestKey.readOrMake("/nowhere/digest-key") }
    }
}
