internal import Glibc
package import Storage

/// The file operations that the journal is built on; tests put faults between.
package protocol JournalFiles: Sendable {
    /// Makes the folder with mode 0700 if it is not there.
    func makeFolder(_ path: String) throws(FileFault)
    /// Takes the lock file's exclusive lock, which ends with the descriptor. `EWOULDBLOCK` if another has it.
    func lock(_ path: String) throws(FileFault) -> Int32
    /// Gives a lock back, and closes its file.
    func unlock(_ file: Int32)
    /// The names in a folder.
    func names(in folder: String) throws(FileFault) -> [String]
    func size(of path: String) throws(FileFault) -> Int
    /// The bytes of a file from `offset` up to `end`, or its end.
    func bytes(of path: String, from offset: Int, to end: Int?) throws(FileFault) -> [UInt8]
    /// When the file's bytes last changed.
    func writtenAt(_ path: String) throws(FileFault) -> Timestamp
    /// Makes a new file with mode 0600.
    func create(_ path: String) throws(FileFault) -> Int32
    /// Writes some of the bytes and says how many.
    func write(_ bytes: UnsafeRawBufferPointer, to file: Int32, at offset: Int) throws(FileFault) -> Int
    func sync(_ file: Int32) throws(FileFault)
    func syncFolder(_ path: String) throws(FileFault)
    func truncate(_ path: String, to bytes: Int) throws(FileFault)
    func close(_ file: Int32)
    func rename(_ path: String, to other: String) throws(FileFault)
    func remove(_ path: String) throws(FileFault)
}

extension JournalFiles {
    /// Writes the first `count` bytes, in as many writes as it takes.
    func writeAll(_ bytes: [UInt8], count: Int, to file: Int32, at offset: Int) throws(FileFault) {
        let result = bytes.withUnsafeBytes { all in
            Result { () throws(FileFault) in
                var done = 0
                while done < count {
                    let rest = UnsafeRawBufferPointer(rebasing: all[done..<count])
                    let wrote = try write(rest, to: file, at: offset + done)
                    guard wrote > 0 else { throw FileFault(code: EIO) }
                    done += wrote
                }
            }
        }
        try result.get()
    }
}

/// The operating system's files.
package struct SystemFiles: JournalFiles {
    package init() {}

    @discardableResult
    private func check<Code: SignedInteger>(_ call: () -> Code) throws(FileFault) -> Code {
        while true {
            let code = call()
            if code >= 0 { return code }
            if errno != EINTR { throw FileFault(code: errno) }
        }
    }

    package func makeFolder(_ path: String) throws(FileFault) {
        if mkdir(path, 0o700) != 0, errno != EEXIST { throw FileFault(code: errno) }
    }

    package func lock(_ path: String) throws(FileFault) -> Int32 {
        let file = try check { open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600) }
        do {
            try check { flock(file, LOCK_EX | LOCK_NB) }
        } catch {
            close(file)
            throw error
        }
        return file
    }

    /// Closing alone would leave the lock to a child process that is just being made, and has the file still open.
    package func unlock(_ file: Int32) {
        flock(file, LOCK_UN)
        close(file)
    }

    package func names(in folder: String) throws(FileFault) -> [String] {
        guard let stream = opendir(folder) else { throw FileFault(code: errno) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            names.append(name)
        }
        return names
    }

    package func size(of path: String) throws(FileFault) -> Int {
        var status = stat()
        try check { stat(path, &status) }
        return Int(status.st_size)
    }

    package func bytes(of path: String, from offset: Int, to end: Int?) throws(FileFault) -> [UInt8] {
        let file = try check { open(path, O_RDONLY | O_CLOEXEC) }
        defer { close(file) }
        var status = stat()
        try check { fstat(file, &status) }
        let count = max(0, min(end ?? Int.max, Int(status.st_size)) - offset)
        if count == 0 { return [] }
        var fault: FileFault?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            guard let base = buffer.baseAddress else { return }
            do throws(FileFault) {
                while initialized < count {
                    let got = try check {
                        pread(file, base + initialized, count - initialized, off_t(offset + initialized))
                    }
                    if got == 0 { break }
                    initialized += got
                }
            } catch { fault = error }
        }
        if let fault { throw fault }
        return bytes
    }

    package func writtenAt(_ path: String) throws(FileFault) -> Timestamp {
        var status = stat()
        try check { stat(path, &status) }
        return Timestamp(microseconds: Int64(status.st_mtim.tv_sec) * 1_000_000 + Int64(status.st_mtim.tv_nsec) / 1_000)
    }

    package func create(_ path: String) throws(FileFault) -> Int32 {
        try check { open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600) }
    }

    package func write(_ bytes: UnsafeRawBufferPointer, to file: Int32, at offset: Int) throws(FileFault) -> Int {
        try check { pwrite(file, bytes.baseAddress, bytes.count, off_t(offset)) }
    }

    package func sync(_ file: Int32) throws(FileFault) {
        try check { fdatasync(file) }
    }

    package func syncFolder(_ path: String) throws(FileFault) {
        let folder = try check { open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        defer { close(folder) }
        try check { fsync(folder) }
    }

    package func truncate(_ path: String, to bytes: Int) throws(FileFault) {
        try check { Glibc.truncate(path, off_t(bytes)) }
    }

    package func close(_ file: Int32) {
        _ = Glibc.close(file)
    }

    package func rename(_ path: String, to other: String) throws(FileFault) {
        try check { Glibc.rename(path, other) }
    }

    package func remove(_ path: String) throws(FileFault) {
        if unlink(path) != 0, errno != ENOENT { throw FileFault(code: errno) }
    }
}
