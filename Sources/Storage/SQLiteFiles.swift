internal import Glibc

/// Folder and file of a store, readable by its owner alone.
enum SQLiteFiles {
    /// Makes what is missing of the folder (0700) and the file (0600). SQLite gives its `-wal` and `-shm` files the
    /// mode of the file beside them.
    static func prepare(_ path: String) throws {
        try makeFolder(of: path)
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(path) }
        close(descriptor)
    }

    private static func makeFolder(of path: String) throws {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return }
        let folder = String(path[..<slash])
        if mkdir(folder, 0o700) == 0 || errno == EEXIST { return }
        guard errno == ENOENT else { throw failure(path) }
        try makeFolder(of: folder)
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST else { throw failure(path) }
    }

    private static func failure(_ path: String) -> StorageError {
        errno == ENOSPC
            ? .diskFull : .cannotOpen(path: path, reason: String(cString: strerror(errno)))
    }
}
