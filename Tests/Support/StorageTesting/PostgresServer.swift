internal import Foundation
internal import Snapshots
package import Storage

/// A PostgreSQL server of this process alone: a free port of the loopback interface, a temporary folder, no syncing, and
/// another user where we are root, since the server refuses to be that. It ends when this process does, however that is.
package final class PostgresServer: Sendable {
    /// Where Debian and others put the server's programs; `nil` if they are not installed.
    package static let programs: String? = {
        let folder = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let debian = versions.compactMap(Int.init).sorted().reversed().map { "\(folder)/\($0)/bin" }
        let path = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        return (debian + path).first {
            FileManager.default.isExecutableFile(atPath: $0 + "/initdb")
                && FileManager.default.isExecutableFile(atPath: $0 + "/postgres")
        }
    }()

    package static let absence = "PostgreSQL's server is not installed: apt-get install postgresql"

    private let folder: String
    private let port: Int
    /// Of the standard input of the shell that keeps the server.
    private let input = Lock<Pipe?>(nil)
    private let databaseCount = Lock(0)

    /// Makes an empty cluster and serves it.
    package init() async throws {
        guard let programs = Self.programs else { throw StorageError.unavailable(Self.absence) }
        var template = Array("/tmp/steward-postgres-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw StorageError.cannotOpen(path: "/tmp", reason: "mkdtemp failed") }
        folder = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        port = try Self.freePort()
        if getuid() == 0, let nobody = getpwnam("nobody")?.pointee { chown(folder, nobody.pw_uid, nobody.pw_gid) }
        let made = try await Self.run(
            """
            exec "\(programs)/initdb" -D "\(folder)/data" -U steward --auth=trust --no-sync -E UTF8 --locale=C.UTF-8
            """)
        guard made == 0 else { throw StorageError.unavailable("initdb ended with \(made)") }
        try await start()
    }

    deinit {
        // Its standard input ends with it; then the server ends and its folder goes. One that was stopped left it.
        let wasRunning = input.withLock { input in
            defer { input = nil }
            return input != nil
        }
        if !wasRunning { try? FileManager.default.removeItem(atPath: folder) }
    }

    package func address(_ database: String = "postgres") throws -> PostgresAddress {
        try PostgresAddress("postgres://steward@127.0.0.1:\(port)/\(database)")
    }

    /// Serves until ``stop()``, or until our end of its standard input is closed.
    package func start() async throws {
        // The first shell ends at once; the one that stays ends the server.
        let script = """
            : >"\(folder)/running"
            (
            trap '' INT TERM
            "\(Self.programs ?? "")/postgres" -D "\(folder)/data" -k "\(folder)" -h 127.0.0.1 -p \(port) -c fsync=off \
            -c max_connections=500 -c shared_buffers=32MB -c log_min_messages=fatal -c autovacuum=off \
            2>"\(folder)/log" &
            server=$!
            # A code above 128: nothing was said yet.
            while read -r -t 0.5 word; [ $? -gt 128 ]; do kill -0 $server 2>/dev/null || { word=keep; break; }; done
            kill -QUIT $server
            wait $server
            rm "\(folder)/running"
            [ "$word" = keep ] || rm -rf "\(folder)"
            ) <&0 >/dev/null 2>&1 &
            """
        let input = Pipe()
        guard try await Self.run(script, input: input.fileHandleForReading.fileDescriptor) == 0 else {
            throw StorageError.unavailable("no server")
        }
        self.input.withLock { $0 = input }
        // Attempts are counted, not seconds: beside all other tests a minute may pass before an answer is looked at.
        for attempt in 1... {
            do {
                return try await PostgresDatabase.open(address()).close()
            } catch {
                guard attempt < 1200, FileManager.default.fileExists(atPath: folder + "/running") else {
                    let log = (try? String(contentsOfFile: folder + "/log", encoding: .utf8)) ?? ""
                    self.input.withLock { $0 = nil }
                    throw StorageError.unavailable("\(error) It printed: \(log)")
                }
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    /// Ends the server at once, as a crash would; its data stay.
    package func stop() async throws {
        let input = self.input.withLock { input in
            defer { input = nil }
            return input
        }
        try input?.fileHandleForWriting.write(contentsOf: Data("keep\n".utf8))
        while FileManager.default.fileExists(atPath: folder + "/running") {
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    /// Stops all its processes where they are: the kernel goes on to accept and acknowledge, and nobody answers.
    package func pause() throws { try signal(SIGSTOP) }

    /// After this it goes on; ``stop()`` and the end need that.
    package func resume() throws { try signal(SIGCONT) }

    private func signal(_ number: Int32) throws {
        let file = try String(contentsOfFile: folder + "/data/postmaster.pid", encoding: .utf8)
        guard let server = pid_t(file.prefix { !$0.isNewline }), kill(server, number) == 0 else {
            throw StorageError.unavailable("no server")
        }
        for child in try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap({ pid_t($0) }) {
            // `pid (name) state parent …`
            let status = try? String(contentsOfFile: "/proc/\(child)/stat", encoding: .utf8)
            let words = status?.split(separator: ")").last?.split(separator: " ") ?? []
            if words.count > 1, pid_t(words[1]) == server { kill(child, number) }
        }
    }

    /// Runs `body` with an empty database that is gone afterwards.
    package func withDatabase<Result>(
        isolation: isolated (any Actor)? = #isolation, _ body: (PostgresAddress) async throws -> Result
    ) async throws -> Result {
        let (name, address) = try await make()
        let result: Result
        do {
            result = try await body(address)
        } catch {
            try? await execute("DROP DATABASE IF EXISTS \(name) WITH (FORCE)")
            throw error
        }
        try await execute("DROP DATABASE IF EXISTS \(name) WITH (FORCE)")
        return result
    }

    package func makeDatabase() async throws -> PostgresAddress {
        try await make().address
    }

    private func make() async throws -> (name: String, address: PostgresAddress) {
        let name = databaseCount.withLock { count in
            count += 1
            return "test_\(count)"
        }
        try await execute("CREATE DATABASE \(name)")
        return (name, try address(name))
    }

    /// Runs a statement that can be in no transaction.
    package func execute(_ sql: String) async throws {
        let code = try await Self.run(
            "exec psql -q -X -h 127.0.0.1 -p \(port) -U steward -d postgres -v ON_ERROR_STOP=1 -c \"\(sql)\"")
        guard code == 0 else { throw StorageError.statement("psql ended with \(code): \(sql)") }
    }

    // MARK: - Processes

    private static func run(_ script: String, input: Int32? = nil) async throws -> Int32 {
        let shell = ["/bin/bash", "-c", "cd /\n" + script]
        // The server refuses to run as root.
        let words =
            getuid() == 0
            ? ["/usr/bin/setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] + shell : shell
        return try await ChildProcess(words, input: input).end()
    }

    /// Ports that this process gave out; the servers that get them may not listen yet.
    private static let givenPorts = Lock<Set<Int>>([])

    /// A port of the loopback interface that nobody has now, and that the kernel gives to no connection going out while
    /// the server that asked for it is not there yet, or is away.
    package static func freePort() throws -> Int {
        for _ in 0..<100 {
            let port = Int.random(in: 20_000..<32_768)
            guard givenPorts.withLock({ $0.insert(port).inserted }) else { continue }
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(descriptor) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            address.sin_port = in_port_t(port).bigEndian
            let isFree = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
            if isFree { return port }
        }
        throw StorageError.unavailable("no port is free")
    }
}

/// The one server that all tests of this process share; started by the first that needs it.
actor SharedPostgresServer {
    static let shared = SharedPostgresServer()
    private var starting: Task<PostgresServer, any Error>?

    var server: PostgresServer {
        get async throws {
            let task = starting ?? Task { try await PostgresServer() }
            starting = task
            return try await task.value
        }
    }
}
