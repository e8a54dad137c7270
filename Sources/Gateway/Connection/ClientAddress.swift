internal import Access
internal import NIOCore

/// Where a request comes from, once trusted proxies have been looked through.
struct ClientAddress: Sendable {
    /// 16 bytes; IPv4 as an IPv4-mapped IPv6 address.
    let address: IPAddress
    /// A number for tables of limited size.
    let hash: UInt64

    init(_ address: IPAddress) {
        self.address = address
        var hasher = Hasher()
        hasher.combine(address)
        hash = UInt64(bitPattern: Int64(hasher.finalize()))
    }

    /// The other end of a connection, which may be a proxy.
    init(peer: SocketAddress?) {
        self.init(peer.flatMap(IPAddress.init(socketAddress:)) ?? .unspecified)
    }
}

/// Which proxies may say where a request comes from.
struct TrustedProxies: Sendable {
    let networks: [Network]

    /// The right-most address of `x-forwarded-for` that no trusted proxy has, or the peer's own.
    ///
    /// Left of the first untrusted address everything was written by a stranger.
    func clientAddress(of head: RequestHead, peer: ClientAddress) -> ClientAddress {
        guard !networks.isEmpty, isTrusted(peer.address) else { return peer }
        var client = peer.address
        let hops = head.fields.fields.filter { head.fields.isNamed($0, "x-forwarded-for") }
            .flatMap { head.fields.value(of: $0).split(separator: 0x2C) }
        for hop in hops.reversed() {
            let text = String(decoding: hop, as: UTF8.self).trimmingSpaces
            guard let address = IPAddress(text) else { break }
            client = address
            if !isTrusted(address) { break }
        }
        return ClientAddress(client)
    }

    private func isTrusted(_ address: IPAddress) -> Bool {
        networks.contains { $0.contains(address) }
    }
}

extension String {
    fileprivate var trimmingSpaces: String {
        String(drop { $0 == " " || $0 == "\t" }.reversed().drop { $0 == " " || $0 == "\t" }.reversed())
    }
}

extension IPAddress {
    init?(socketAddress: SocketAddress) {
        switch socketAddress {
        case .v4(let address):
            self = withUnsafeBytes(of: address.address.sin_addr) { IPAddress(v4: $0) }
        case .v6(let address):
            self = withUnsafeBytes(of: address.address.sin6_addr) { IPAddress(v6: $0) }
        case .unixDomainSocket:
            return nil
        }
    }
}
