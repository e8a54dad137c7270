import Foundation
import Storage
import StorageTesting
import Testing

@Suite("A process killed while it writes", .timeLimit(.minutes(10)))
struct CrashTests {
    /// The program that writes until it is killed, built beside the tests.
    static var writerPath: String {
        let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(filePath: tests).deletingLastPathComponent().appending(path: "StorageCrashWriter").path
    }

    @Test("loses nothing that it acknowledged", arguments: [1, 32])
    func losesNothing(writers: Int) async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/a.sqlite"
        let database = try SQLiteDatabase(path: path)
        try await database.write {
            try $0.executeScript("CREATE TABLE rows (number BIGINT PRIMARY KEY, payload BYTEA NOT NULL)")
        }
        try await database.close()
        var generator = SystemRandomNumberGenerator()
        var acknowledged: Set<Int> = []
        for round in 0..<6 {
            let output = try await Self.runAndKill(
                [path, "\(round * 10_000_000)", "\(writers)"], in: folder,
                after: .milliseconds(Int.random(in: 0...150, using: &generator)))
            acknowledged.formUnion(output)

            let database = try SQLiteDatabase(path: path)
            let stored: Set<Int> = try await database.read { reader in
                let rows = try reader.query("SELECT number, payload FROM rows")
                return Set(
                    try rows.map { row in
                        let number: Int = try row["number"]
                        let payload: [UInt8] = try row["payload"]
                        #expect(payload == [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 300))
                        return number
                    })
            }
            #expect(acknowledged.subtracting(stored).isEmpty, "round \(round)")
            let verdict: String = try await database.read {
                try $0.query("PRAGMA integrity_check")[0]["integrity_check"]
            }
            #expect(verdict == "ok")
            try await database.close()
        }
        // Each round waits for its first.
        #expect(acknowledged.count >= 6)
    }

    /// Starts the writer, waits for its first acknowledgement and `delay`, kills it, and returns what it acknowledged.
    private static func runAndKill(
        _ arguments: [String], in folder: TemporaryFolder, after delay: Duration
    ) async throws -> [Int] {
        let outputPath = folder.path + "/output"
        #expect(FileManager.default.createFile(atPath: outputPath, contents: nil))
        let process = try ChildProcess([writerPath] + arguments, output: outputPath)
        let end = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < end, try Data(contentsOf: URL(filePath: outputPath)).isEmpty {
            try await Task.sleep(for: .milliseconds(5))
        }
        try await Task.sleep(for: delay)
        process.kill()
        #expect(process.wait() == -SIGKILL)
        let text = String(decoding: try Data(contentsOf: URL(filePath: outputPath)), as: UTF8.self)
        // A line without its end was not acknowledged.
        return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().compactMap { Int($0) }
    }
}
