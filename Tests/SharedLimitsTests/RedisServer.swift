import Foundation
import StorageTesting

@testable import SharedLimits

/// A redis-server of the test's own: on a free port, in a temporary folder, without persistence unless asked.
final class RedisServer {
    static let binary = ["/usr/bin/redis-server", "/usr/local/bin/redis-server"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }
    static var isInstalled: Bool { binary != nil }

    let port: Int
    private let folder: URL
    private let options: [String]
    private var process: ChildProcess?

    init(_ options: [String] = []) throws {
        port = try PostgresServer.freePort()
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("redis-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        self.options = options
        try start()
    }

    deinit {
        kill()
        try? FileManager.default.removeItem(at: folder)
    }

    func start() throws {
        process = try ChildProcess(
            [
                Self.binary ?? "redis-server", "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly",
                "no",
                "--dir", folder.path, "--enable-debug-command", "local",
            ] + options)
        for _ in 0..<500 {
            if (try? RedisClient(port: port)) != nil { return }
            usleep(10_000)
        }
        throw RedisFailure("redis-server did not start")
    }

    func kill() {
        process?.kill()
        process = nil
    }

    /// Stops it where it is: the kernel goes on to accept and acknowledge, and nobody answers.
    func pause() { process?.signal(SIGSTOP) }

    func resume() { process?.signal(SIGCONT) }
}

/// One command at a time, waited for.
final class RedisClient {
    private let connection: RedisConnection

    init(port: Int) throws {
        RedisSession.blockBrokenPipes()
        connection = try RedisConnection(host: "127.0.0.1", port: port)
        guard case .text("PONG") = try run(["PING"]) else { throw RedisFailure("no PONG") }
    }

    @discardableResult
    func run(_ words: [String]) throws -> RedisReply {
        try connection.append(words)
        while true {
            var descriptor = pollfd(
                fd: connection.descriptor,
                events: Int16(POLLIN) | (connection.hasOutput || !connection.isConnected ? Int16(POLLOUT) : 0),
                revents: 0)
            guard poll(&descriptor, 1, 10_000) > 0 else { throw RedisFailure("no answer") }
            try connection.write()
            try connection.read()
            if let reply = try connection.nextReply() { return reply }
        }
    }
}
