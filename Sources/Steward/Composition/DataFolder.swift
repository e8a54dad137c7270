internal import Foundation

/// Where things are in the data folder.
///
/// ```
///   data/                0700
///     steward.sqlite     organisations, applications, keys, usage     unless PostgreSQL
///     records/           one file a month                             holds both
///     journal/           what is not in the store yet
///     digest.key         0600; what keys are digested with
///     serve.lock         held by the one process that serves
/// ```
struct DataFolder: Sendable {
    let path: String

    init(path: String) {
        self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    }

    var store: String { path + "/steward.sqlite" }
    var records: String { path + "/records" }
    var journal: String { path + "/journal" }

    /// Makes the folder, readable by its owner alone; one that holds something must not be open to others.
    func prepare() throws {
        do {
            if !FileManager.default.fileExists(atPath: path) {
                try FileManager.default.createDirectory(
                    atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            }
        } catch {
            throw CommandFailure(
                "The data folder \(path) can't be made. Check the permissions of its parent, or name another with --data.",
                .permission)
        }
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw CommandFailure("The data folder \(path) is no folder. Name another with --data.", .permission)
        }
        guard status.st_mode & 0o077 == 0 || tightenIfEmpty() else {
            throw CommandFailure("Others may read the data folder \(path). Run `chmod 700 \(path)`.", .permission)
        }
    }

    /// A new volume or folder is often open to others; as long as nothing is in it, nobody minds its mode.
    private func tightenIfEmpty() -> Bool {
        (try? FileManager.default.contentsOfDirectory(atPath: path).isEmpty) == true && chmod(path, 0o700) == 0
    }

    /// Takes the lock of the one process that serves; the system gives it back when the process ends.
    func lock() throws -> FolderLock {
        try FolderLock(path: path + "/serve.lock")
    }
}

/// A lock that one process holds; given back when this goes away.
struct FolderLock: ~Copyable {
    private let descriptor: Int32

    fileprivate init(path: String) throws {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw CommandFailure(
                "\(path) can't be opened: \(String(cString: strerror(errno))). Check the permissions of the data folder.",
                .permission)
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw CommandFailure(
                "Another Steward serves from this data folder. Stop it, or name another folder with --data.", .temporary
            )
        }
        self.descriptor = descriptor
    }

    deinit {
        // Closing alone would leave it to a child process that is just being made.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }
}
