internal import Foundation

/// Finds a port that is free now.
///
/// The gateway's refusals link to the desk and the desk's pages name the gateway, so one of them must know its port
/// before it listens. Somebody else could take the port in between; then the desk says so and the process ends.
enum FreePort {
    static func find() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length) == 0 && getsockname(descriptor, pointer, &length) == 0
            }
        }
        guard descriptor >= 0, isBound else {
            throw CommandFailure("No free port was found: \(String(cString: strerror(errno))).", .system)
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
