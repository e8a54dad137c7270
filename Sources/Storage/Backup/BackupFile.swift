internal import Crypto
internal import Glibc
internal import Snapshots

/// Why a backup could not be written or read.
package enum BackupError: Error, Sendable, Hashable, CustomStringConvertible {
    case file(String, reason: String)
    case damaged(String, line: Int)
    case notEmpty
    case otherSchema

    package var description: String {
        switch self {
        case .file(let path, let reason): "The backup \(path): \(reason)."
        case .damaged(let path, let line):
            "The backup \(path) is damaged or incomplete in line \(line). Nothing was restored; use another backup."
        case .notEmpty:
            "The store holds something. Restore into an empty one, or replace what is in it with --replace."
        case .otherSchema:
            """
            The store's schema is newer than the backup's. Restore into a new database or data folder; it gets the \
            present schema afterwards.
            """
        }
    }

    static func failed(_ path: String) -> BackupError {
        .file(path, reason: String(cString: strerror(errno)))
    }
}

/// Writes a backup beside its name, and gives it that name when it is whole and on the disk. Readable by its owner alone.
package final class BackupWriter: Sendable {
    private struct State {
        var buffer: [UInt8] = []
        var rowCount = 0
    }

    /// A place to go back to.
    struct Mark: Sendable {
        let offset: off_t
        let rowCount: Int
    }

    private let path: String
    private let descriptor: CInt
    /// Held while a piece is written to the disk; one writes at a time.
    private let state = Lock(State())

    private var partialPath: String { path + ".partial" }

    /// - Throws: `BackupError.file`, also if `path` exists.
    package init(_ path: String) throws {
        self.path = path
        guard access(path, F_OK) != 0 else { throw BackupError.file(path, reason: "it exists already") }
        descriptor = open(path + ".partial", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw BackupError.failed(path) }
    }

    deinit {
        close(descriptor)
        // Not there any more if the backup is whole.
        unlink(path + ".partial")
    }

    package func write(_ line: BackupLine) throws {
        try state.withLock { state in
            line.append(to: &state.buffer)
            if case .row = line { state.rowCount += 1 }
            if state.buffer.count >= 1 << 20 { try flush(&state) }
        }
    }

    /// For work that may be done again: what is written from here on can be taken back.
    func mark() throws -> Mark {
        try state.withLock { state in
            try flush(&state)
            return Mark(offset: lseek(descriptor, 0, SEEK_CUR), rowCount: state.rowCount)
        }
    }

    func rewind(to mark: Mark) throws {
        try state.withLock { state in
            state.buffer.removeAll()
            state.rowCount = mark.rowCount
            guard ftruncate(descriptor, mark.offset) == 0, lseek(descriptor, mark.offset, SEEK_SET) >= 0 else {
                throw BackupError.failed(path)
            }
        }
    }

    /// Returns the number of rows.
    package func finish() throws -> Int {
        try state.withLock { state in
            try flush(&state)
            let digest = try BackupReader.digest(of: descriptor, path)
            BackupLine.end(rows: state.rowCount, digest: digest).append(to: &state.buffer)
            guard lseek(descriptor, 0, SEEK_END) >= 0 else { throw BackupError.failed(path) }
            try flush(&state)
            guard fsync(descriptor) == 0, rename(partialPath, path) == 0 else { throw BackupError.failed(path) }
            return state.rowCount
        }
    }

    private func flush(_ state: inout State) throws {
        var rest = state.buffer[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw BackupError.failed(path) }
            rest = rest.dropFirst(count)
        }
        state.buffer.removeAll(keepingCapacity: true)
    }
}

/// Reads a backup line by line, and knows whether it is whole when it comes to the end.
package struct BackupReader: ~Copyable {
    private static let chunkBytes = 1 << 20
    /// A record is of some kilobytes at most; a line without end would fill the memory.
    private static let lineBytesMax = 64 << 20

    private let path: String
    private let descriptor: CInt
    private var buffer: [UInt8] = []
    private var start = 0
    private var lineNumber = 0
    private var rowCount = 0
    private var hash = SHA256()
    private var isOver = false

    package init(_ path: String) throws {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw BackupError.failed(path) }
    }

    deinit {
        close(descriptor)
    }

    /// The next line; `nil` after the last.
    ///
    /// - Throws: `BackupError.damaged` for a line that is none, and at the end if anything is not as it was written.
    package mutating func next() throws -> BackupLine? {
        guard !isOver else { return nil }
        let bytes = try nextBytes()
        lineNumber += 1
        guard let bytes, let line = BackupLine(bytes.dropLast()) else { throw damaged }
        switch line {
        case .end(let rows, let digest):
            guard rows == rowCount, digest == Hexadecimal.text(hash.finalize()), try nextBytes() == nil else {
                throw damaged
            }
            isOver = true
        case .row: rowCount += 1
        default: break
        }
        guard (lineNumber == 1) == line.isBeginning else { throw damaged }
        hash.update(data: bytes)
        return line
    }

    /// Reads it to its end.
    package static func verify(_ path: String) throws {
        var reader = try BackupReader(path)
        while try reader.next() != nil {}
    }

    private var damaged: BackupError { .damaged(path, line: lineNumber) }

    /// A line with its end.
    private mutating func nextBytes() throws -> ArraySlice<UInt8>? {
        var searched = start
        while true {
            if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { start = end + 1 }
                return buffer[start...end]
            }
            searched = buffer.count - start
            buffer.removeFirst(start)
            start = 0
            guard buffer.count < Self.lineBytesMax else { throw damaged }
            let chunk = try Self.chunk(descriptor, path)
            guard !chunk.isEmpty else {
                // What has no end was cut off.
                if buffer.isEmpty { return nil }
                throw damaged
            }
            buffer += chunk
        }
    }

    private static func chunk(_ descriptor: CInt, _ path: String) throws -> ArraySlice<UInt8> {
        var bytes = [UInt8](repeating: 0, count: chunkBytes)
        while true {
            let count = Glibc.read(descriptor, &bytes, bytes.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw BackupError.failed(path) }
            return bytes[..<count]
        }
    }

    /// SHA-256 of all that a file holds.
    static func digest(of descriptor: CInt, _ path: String) throws -> String {
        guard lseek(descriptor, 0, SEEK_SET) == 0 else { throw BackupError.failed(path) }
        var hash = SHA256()
        while true {
            let chunk = try chunk(descriptor, path)
            if chunk.isEmpty { return Hexadecimal.text(hash.finalize()) }
            hash.update(data: chunk)
        }
    }
}

extension BackupLine {
    fileprivate var isBeginning: Bool {
        if case .begin = self { true } else { false }
    }
}
