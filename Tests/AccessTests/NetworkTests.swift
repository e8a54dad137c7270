import Testing

@testable import Access

@Suite("Networks")
struct NetworkTests {
    static let matrix: [(String, String, Bool)] = [
        ("192.0.2.0/24", "192.0.2.0", true), ("192.0.2.0/24", "192.0.2.255", true),
        ("192.0.2.0/24", "192.0.3.0", false), ("192.0.2.0/24", "192.0.1.255", false),
        ("192.0.2.7", "192.0.2.7", true), ("192.0.2.7", "192.0.2.6", false),
        ("0.0.0.0/0", "255.255.255.255", true), ("0.0.0.0/0", "::1", false), ("0.0.0.0/0", "2001:db8::", false),
        ("10.0.0.0/8", "::ffff:10.1.2.3", true), ("10.0.0.0/8", "::ffff:11.1.2.3", false),
        ("::ffff:10.0.0.0/104", "10.9.9.9", true), ("10.0.0.0/8", "::10.1.2.3", false),
        ("2001:db8::/32", "2001:db8:ffff::1", true), ("2001:db8::/32", "2001:db9::", false),
        ("2001:db8::/64", "2001:db8::ffff:ffff:ffff:ffff", true), ("2001:db8::/64", "2001:db8:0:1::", false),
        ("2001:db8::8000:0:0:0/65", "2001:db8::8000:0:0:1", true),
        ("2001:db8::8000:0:0:0/65", "2001:db8::7fff:0:0:1", false),
        ("::1", "::1", true), ("::1", "::2", false), ("::/0", "::1", true), ("::/0", "192.0.2.1", false),
    ]

    @Test("hold the addresses that share their prefix, and no others", arguments: matrix)
    func contains(network: String, address: String, expected: Bool) throws {
        let address = try #require(IPAddress(address))
        #expect(try Network(parsing: network).contains(address) == expected)
    }

    @Test("of every length hold exactly the addresses with the same first bits", arguments: 0...128)
    func agreesWithBits(_ length: Int) throws {
        var generator = SeededGenerator(seed: UInt64(length))
        for _ in 0..<50 {
            // Never an IPv4-mapped address.
            let bytes = (0..<16).map { _ in UInt8.random(in: 1...255, using: &generator) }
            let masked = (0..<16).map { byte -> UInt8 in
                let kept = min(max(length - 8 * byte, 0), 8)
                return bytes[byte] & UInt8(truncatingIfNeeded: 0xFF00 >> kept)
            }
            let network = try Network(parsing: "\(IPAddress(v6: masked))/\(length)")
            #expect(network.contains(IPAddress(v6: bytes)))
            if length > 0 {
                var other = bytes
                other[(length - 1) / 8] ^= 0x80 >> UInt8((length - 1) % 8)
                #expect(!network.contains(IPAddress(v6: other)))
            }
            if length < 128 {
                var other = bytes
                other[length / 8] ^= 0x80 >> UInt8(length % 8)
                #expect(network.contains(IPAddress(v6: other)))
            }
        }
    }

    @Test(
        "are refused when they are none",
        arguments: [
            "", "x", "1.2.3", "1.2.3.4/33", "1.2.3.4/-1", "1.2.3.4/", "1.2.3.4/+8", "1.2.3.4/8/8", "::/129",
            "fe80::1%eth0",
            "[::1]", "1.2.3.4:80", "01.2.3.4", "1.2.3.4\u{0}", "1.2.3.4\u{0}/8", "::ffff:1.2.3.4/24", "1.2.3.4/ 8",
        ])
    func refusesOthers(_ text: String) {
        #expect(throws: AccessError.invalidNetwork(text)) { try Network(parsing: text) }
    }

    @Test("with bits after the prefix are refused with what was probably meant")
    func refusesHostBits() {
        #expect(throws: AccessError.networkHostBits("10.0.0.1/8", meant: "10.0.0.0/8")) {
            try Network(parsing: "10.0.0.1/8")
        }
        #expect(throws: AccessError.networkHostBits("2001:db8::1/32", meant: "2001:db8::/32")) {
            try Network(parsing: "2001:db8::1/32")
        }
    }

    @Test(
        "are written as they are read", arguments: ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32", "::/0", "0.0.0.0/0"])
    func roundTrips(_ text: String) throws {
        let network = try Network(parsing: text)
        #expect(network.description == text)
        #expect(try Network(parsing: network.description) == network)
    }
}
