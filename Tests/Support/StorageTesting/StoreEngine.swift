internal import Foundation
package import Storage

/// Each engine that a store test runs on.
package enum StoreEngine: String, Sendable, CaseIterable, CustomStringConvertible {
    case sqlite

    package var description: String { rawValue }

    /// Runs `body` with an empty store that is gone afterwards.
    package func withDatabase<Result>(
        isolation: isolated (any Actor)? = #isolation,
        _ body: (any Database) async throws -> Result
    ) async throws -> Result {
        try await withStore { try await body($0.open()) }
    }

    /// Runs `body` with an empty store that may be opened several times and is gone afterwards.
    package func withStore<Result>(
        isolation: isolated (any Actor)? = #isolation,
        _ body: (TestStore) async throws -> Result
    ) async throws -> Result {
        let folder = try TemporaryFolder()
        return try await body(TestStore(engine: self, folder: folder))
    }
}

/// A store of one test; each `open()` is a handle such as another process would have.
package struct TestStore: Sendable {
    let engine: StoreEngine
    package let folder: TemporaryFolder

    package func open() throws -> any Database {
        switch engine {
        case .sqlite: try SQLiteDatabase(path: folder.path + "/steward.sqlite")
        }
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
