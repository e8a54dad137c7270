internal import Glibc

/// Where the digest key comes from.
///
/// Losing it makes every API key void, so it belongs into the backup, but not beside the store's copy.
package enum DigestKey {
    /// Reads 64 hexadecimal digits, as given by a variable; `source` names it in the error.
    ///
    /// - Throws: `AccessError.digestKeyMalformed`.
    package static func parse(_ text: String, source: String) throws(AccessError) -> KeyDigester {
        guard let bytes = bytes(ofHexadecimal: text) else { throw .digestKeyMalformed(source: source) }
        return KeyDigester(secret: bytes)
    }

    /// Reads the file at `path`, which nobody but its owner may read.
    ///
    /// - Throws: `AccessError.digestKeyUnreadable`, `.digestKeyExposed`, `.digestKeyMalformed`.
    package static func read(_ path: String) throws(AccessError) -> KeyDigester {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unreadable(path) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw unreadable(path) }
        guard status.st_mode & 0o077 == 0 else {
            throw .digestKeyExposed(path: path, mode: String(status.st_mode & 0o777, radix: 8))
        }
        var buffer = [UInt8](repeating: 0, count: 128)
        let count = Glibc.read(descriptor, &buffer, buffer.count)
        guard count >= 0 else { throw unreadable(path) }
        return try parse(String(decoding: buffer[..<count], as: UTF8.self), source: path)
    }

    /// Reads the file at `path`, or makes it with a fresh key and mode 0600. Several processes may do so at once.
    package static func readOrMake(_ path: String) throws(AccessError) -> KeyDigester {
        if access(path, F_OK) != 0 {
            guard errno == ENOENT else { throw unreadable(path) }
            try make(path)
        }
        return try read(path)
    }

    /// Writes a file of its own and links it to its name, so that nobody ever sees half a key.
    private static func make(_ path: String) throws(AccessError) {
        var generator = SystemRandomNumberGenerator()
        let suffix = String(generator.next() as UInt64, radix: 16)
        let draft = "\(path).\(suffix)"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw unreadable(path) }
        defer { unlink(draft) }
        let text = (0..<64).map { _ in digits[Int.random(in: 0..<16, using: &generator)] } + [0x0A]
        let isWritten = write(descriptor, text, text.count) == text.count && fsync(descriptor) == 0
        let failure = unreadable(path)
        close(descriptor)
        guard isWritten else { throw failure }
        guard link(draft, path) == 0 || errno == EEXIST else { throw unreadable(path) }
        try syncFolder(of: path)
    }

    private static func syncFolder(of path: String) throws(AccessError) {
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unreadable(path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw unreadable(path) }
    }

    private static let digits = Array("0123456789abcdef".utf8)

    private static func bytes(ofHexadecimal text: String) -> [UInt8]? {
        var utf8 = Array(text.utf8)
        while let last = utf8.last, last == 0x0A || last == 0x0D || last == 0x20 { utf8.removeLast() }
        guard utf8.count == 64 else { return nil }
        let values = utf8.compactMap { byte in
            digits.firstIndex(of: (0x41...0x46).contains(byte) ? byte | 0x20 : byte).map(UInt8.init)
        }
        guard values.count == 64 else { return nil }
        return (0..<32).map { values[2 * $0] << 4 | values[2 * $0 + 1] }
    }

    private static func unreadable(_ path: String) -> AccessError {
        .digestKeyUnreadable(path: path, reason: String(cString: strerror(errno)))
    }
}
