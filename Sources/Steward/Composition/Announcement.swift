internal import Foundation

/// Where a server listens, as its own machine reaches it.
struct Addresses: Sendable, Hashable {
    var gateway: String
    var desk: String
    var telemetry: String

    static func url(host: String, port: Int, usesTLS: Bool = false) -> String {
        // Who listens everywhere is reached on loopback too.
        let reachable = host == "0.0.0.0" ? "127.0.0.1" : host == "::" ? "::1" : host
        let written = reachable.contains(":") ? "[\(reachable)]" : reachable
        return "\(usesTLS ? "https" : "http")://\(written):\(port)"
    }
}

/// What `serve` says once it accepts connections: to people on standard output, to programs in the ready file.
struct Announcement: Sendable {
    let addresses: Addresses
    /// As callers write it, without `/v1`.
    let publicURL: String
    let model: String
    let example: ExampleCall
    let description: String
    let observesOnly: Bool
    /// On a first run.
    let sandboxKey: String?
    let dataFolder: String

    var text: String {
        var text = """
            Steward \(StewardVersion.current)
              base URL   \(publicURL)/v1
              desk       \(addresses.desk)
              telemetry  \(addresses.telemetry)
            \(description)

            """
        if observesOnly { text += "Observing only: decisions are recorded and not enforced.\n" }
        guard let sandboxKey else {
            let program = CommandLine.arguments.first ?? "steward"
            return text + """
                Keys were shown when they were made. What there is, and a new one:
                  \(program) keys list --data \(dataFolder)
                  \(program) applications list --data \(dataFolder)
                  \(program) keys create --help

                """
        }
        return text + """

            A sandbox key was made. It is shown this once:

              \(sandboxKey)

            Try it:

            \(example.text(baseURL: "\(publicURL)/v1", key: sandboxKey, model: model))
            """
    }

    /// `{"gateway": …, "desk": …, "telemetry": …, "pid": …, "sandbox_key": …}`
    func json() throws -> String {
        struct Ready: Encodable {
            let gateway: String
            let desk: String
            let telemetry: String
            let pid: Int32
            let sandboxKey: String?
        }
        return try Output.json(
            Ready(
                gateway: addresses.gateway, desk: addresses.desk, telemetry: addresses.telemetry, pid: getpid(),
                sandboxKey: sandboxKey))
    }

    /// Writes the ready file, mode 0600, as a whole or not at all.
    func write(to path: String) throws {
        let draft = "\(path).\(getpid())"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw Self.failure(path) }
        defer { unlink(draft) }
        let bytes = Array(try json().utf8)
        // A file that is there already keeps its mode.
        let isWritten =
            fchmod(descriptor, 0o600) == 0 && Foundation.write(descriptor, bytes, bytes.count) == bytes.count
        let failure = Self.failure(path)
        close(descriptor)
        guard isWritten else { throw failure }
        guard rename(draft, path) == 0 else { throw Self.failure(path) }
    }

    /// Takes the ready file away unless another process has written its own there since.
    static func withdraw(_ path: String) {
        struct Written: Decodable { let pid: pid_t }
        let content = FileManager.default.contents(atPath: path) ?? Data()
        if (try? JSONDecoder().decode(Written.self, from: content))?.pid == getpid() { unlink(path) }
    }

    private static func failure(_ path: String) -> CommandFailure {
        CommandFailure(
            "The ready file \(path) can't be written: \(String(cString: strerror(errno))). Name another with --ready-file.",
            .system)
    }
}
