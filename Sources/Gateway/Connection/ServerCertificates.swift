internal import Glibc
internal import Logging
internal import NIOSSL
internal import Snapshots

/// The gateway's own certificate, read again when its files change; connections that are open keep the old one.
struct ServerCertificates: Sendable {
    let context: Snapshot<NIOSSLContext>
    private let files: TLSFiles
    private let log: Logger

    /// How often the files are looked at.
    private static let period = Duration.seconds(5)

    init(_ files: TLSFiles, log: Logger) throws {
        self.files = files
        self.log = log
        context = Snapshot(try Self.load(files))
    }

    private static func load(_ files: TLSFiles) throws -> NIOSSLContext {
        let chain = try NIOSSLCertificate.fromPEMFile(files.certificateChain)
        let key = try NIOSSLPrivateKey(file: files.privateKey, format: .pem)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        return try NIOSSLContext(configuration: configuration)
    }

    /// Looks at the files until cancelled. A pair that cannot be read keeps the one in use and is said in the log.
    func watch() async {
        var seen = stamp()
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.period)
            let now = stamp()
            guard now != seen else { continue }
            seen = now
            do {
                context.replace(with: try Self.load(files))
                log.notice("certificate reloaded")
            } catch {
                log.error("certificate not reloaded; the old one stays", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Changes when either file does.
    private func stamp() -> [Int] {
        [files.certificateChain, files.privateKey].flatMap { path -> [Int] in
            var info = Glibc.stat()
            guard stat(path, &info) == 0 else { return [0] }
            return [Int(info.st_mtim.tv_sec), Int(info.st_mtim.tv_nsec), Int(info.st_size), Int(info.st_ino)]
        }
    }
}
