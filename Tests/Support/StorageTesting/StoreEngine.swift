internal import Foundation
package import Storage

/// Each engine that a store test runs on.
package enum StoreEngine: String, Sendable, CaseIterable, CustomStringConvertible {
    case sqlite
    case postgres

    /// Without PostgreSQL, and a word on it, where its server is not installed.
    package static let allCases: [StoreEngine] = {
        guard PostgresServer.programs == nil else { return [.sqlite, .postgres] }
        FileHandle.standardError.write(Data("Store tests skip PostgreSQL. \(PostgresServer.absence)\n".utf8))
        return [.sqlite]
    }()

    package var description: String { rawValue }

    /// Runs `body` with an empty store that is gone afterwards.
    package func withDatabase<Result>(
        isolation: isolated (any Actor)? = #isolation,
        _ body: (any Database) async throws -> Result
    ) async throws -> Result {
        try await withStore { try await body($0.open()) }
    }

    /// An empty store that may be opened several times. PostgreSQL's is gone when the tests end.
    package func makeStore() async throws -> TestStore {
        let folder = try TemporaryFolder()
        switch self {
        case .sqlite: return TestStore(folder: folder, address: nil)
        case .postgres:
            return TestStore(folder: folder, address: try await SharedPostgresServer.shared.server.makeDatabase())
        }
    }

    /// Runs `body` with an empty store that may be opened several times and is gone afterwards.
    package func withStore<Result>(
        isolation: isolated (any Actor)? = #isolation,
        _ body: (TestStore) async throws -> Result
    ) async throws -> Result {
        let folder = try TemporaryFolder()
        switch self {
        case .sqlite: return try await body(TestStore(folder: folder, address: nil))
        case .postgres:
            return try await SharedPostgresServer.shared.server.withDatabase { address in
                try await body(TestStore(folder: folder, address: address))
            }
        }
    }
}

/// A store of one test; each `open()` is a handle such as another process would have.
package struct TestStore: Sendable {
    package let folder: TemporaryFolder
    /// `nil` for SQLite.
    package let address: PostgresAddress?

    package func open(_ options: PostgresOptions = PostgresOptions()) async throws -> any Database {
        guard let address else { return try await SQLiteDatabase.open(path: folder.path + "/steward.sqlite") }
        return try await PostgresDatabase.open(address, options: options)
    }
}

/// A folder that is removed with its contents when nobody holds it any more.
package final class TemporaryFolder: Sendable {
    package let path: String

    package init() throws {
        var template = Array("/tmp/steward-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw StorageError.cannotOpen(path: "/tmp", reason: "mkdtemp failed") }
        path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    /// The names and bytes of its files.
    package func contents() throws -> [(name: String, bytes: [UInt8])] {
        try FileManager.default.contentsOfDirectory(atPath: path).map { name in
            (name, Array(try Data(contentsOf: URL(filePath: path + "/" + name))))
        }
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }
}
