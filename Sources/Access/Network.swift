internal import Glibc

/// An address of IPv6, or one of IPv4 in its IPv4-mapped form (`::ffff:192.0.2.7`), so that a peer is the same address
/// whichever kind of socket it came through.
package struct IPAddress: Sendable, Hashable {
    let high: UInt64
    let low: UInt64

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// `::`
    package static let unspecified = IPAddress(high: 0, low: 0)

    /// Four bytes in network order.
    package init(v4 bytes: some Collection<UInt8>) {
        precondition(bytes.count == 4, "An IPv4 address has four bytes.")
        high = 0
        low = bytes.reduce(0xFFFF) { $0 << 8 | UInt64($1) }
    }

    /// 16 bytes in network order.
    package init(v6 bytes: some Collection<UInt8>) {
        precondition(bytes.count == 16, "An IPv6 address has 16 bytes.")
        high = bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        low = bytes.dropFirst(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Reads `192.0.2.7` or `2001:db8::7`; no zone, port or brackets.
    package init?(_ text: String) {
        // To inet_pton the text would end there.
        if text.utf8.contains(0) { return nil }
        var v4 = in_addr()
        var v6 = in6_addr()
        if inet_pton(AF_INET, text, &v4) == 1 {
            self = withUnsafeBytes(of: v4) { IPAddress(v4: $0) }
        } else if inet_pton(AF_INET6, text, &v6) == 1 {
            self = withUnsafeBytes(of: v6) { IPAddress(v6: $0) }
        } else {
            return nil
        }
    }

    package var isV4: Bool { high == 0 && low >> 32 == 0xFFFF }
}

extension IPAddress: CustomStringConvertible {
    package var description: String {
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        if isV4 {
            var address = UInt32(truncatingIfNeeded: low).bigEndian
            inet_ntop(AF_INET, &address, &buffer, socklen_t(buffer.count))
        } else {
            var address = (high.bigEndian, low.bigEndian)
            inet_ntop(AF_INET6, &address, &buffer, socklen_t(buffer.count))
        }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// A range of addresses that share their first bits (CIDR, RFC 4632 and RFC 4291 §2.3).
///
/// A network of IPv6 holds no address of IPv4, so `::/0` means all of IPv6 alone.
package struct Network: Sendable, Hashable {
    private let address: IPAddress
    /// Of 128 bits; a network of IPv4 has at least 96.
    private let prefixLength: Int
    private let mask: IPAddress

    private init(_ address: IPAddress, prefixLength: Int) {
        self.prefixLength = prefixLength
        mask = IPAddress(
            high: prefixLength >= 64 ? .max : ~(UInt64.max >> UInt64(prefixLength)),
            low: prefixLength <= 64 ? 0 : ~(prefixLength == 128 ? 0 : UInt64.max >> UInt64(prefixLength - 64)))
        self.address = IPAddress(high: address.high & mask.high, low: address.low & mask.low)
    }

    /// Reads `192.0.2.0/24`, `2001:db8::/32`, or an address alone.
    ///
    /// - Throws: `AccessError.invalidNetwork`; `AccessError.networkHostBits` if bits are set after the prefix, since
    ///   then either the address or the length is a mistake.
    package init(parsing text: String) throws(AccessError) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let address = IPAddress(String(parts[0])) else { throw .invalidNetwork(text) }
        // An IPv4-mapped address is written with a prefix length of IPv6, such as ::ffff:192.0.2.0/120.
        let offset = address.isV4 && !parts[0].contains(":") ? 96 : 0
        var length = 128
        if parts.count == 2 {
            guard (1...3).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let given = Int(parts[1]), given <= 128 - offset
            else { throw .invalidNetwork(text) }
            length = given + offset
        }
        // Shorter than the mapped prefix, it would be no network of IPv4 any more.
        guard !address.isV4 || length >= 96 else { throw .invalidNetwork(text) }
        self.init(address, prefixLength: length)
        if self.address != address { throw .networkHostBits(text, meant: description) }
    }

    /// Whether `other` is in it; some nanoseconds.
    package func contains(_ other: IPAddress) -> Bool {
        (other.high & mask.high == address.high) && (other.low & mask.low == address.low)
            && (prefixLength >= 96 || !other.isV4)
    }
}

extension Network: CustomStringConvertible {
    package var description: String {
        "\(address)/\(address.isV4 ? prefixLength - 96 : prefixLength)"
    }
}
