internal import Glibc
internal import Snapshots
internal import Storage

/// What the journal and its threads share.
final class JournalCore: Sendable {
    let configuration: Journal.Configuration
    let files: any JournalFiles
    let notice: @Sendable (JournalNotice) -> Void
    let state: Lock<JournalState>
    /// Taken before `state` where both are. Held while a batch is written, so callers only take it when it is free.
    let pen: Lock<JournalPen>
    /// Posted when the writer is parked and there is something to write.
    let wake = Semaphore()
    /// Posted when there is something to sync.
    let syncWake = Semaphore()
    /// Names this journal for as long as its folder exists; it stands in the lock file.
    let identity: String
    /// Where this process's entries begin.
    let begin: JournalOffset
    private let lockFile: Int32

    private init(
        _ configuration: Journal.Configuration, files: any JournalFiles, lockFile: Int32, identity: String,
        segment: OpenSegment, state: JournalState, notice: @escaping @Sendable (JournalNotice) -> Void
    ) {
        self.configuration = configuration
        self.files = files
        self.lockFile = lockFile
        self.identity = identity
        begin = JournalOffset(segment: segment.number, byte: 0)
        self.notice = notice
        self.state = Lock(state)
        pen = Lock(JournalPen(segment))
    }

    static func open(
        _ configuration: Journal.Configuration, files: any JournalFiles,
        notice: @escaping @Sendable (JournalNotice) -> Void
    ) throws(JournalError) -> JournalCore {
        precondition(
            !configuration.isWrittenInTurns || configuration.durability == .crash, "Callers never sync what they write."
        )
        let folder = configuration.folder
        var lockFile: Int32 = -1
        do throws(FileFault) {
            try files.makeFolder(folder)
            lockFile = try files.lock(folder + "/lock")
            let identity = try identity(lockFile, at: folder + "/lock", files: files)
            let segments = Segment.numbers(in: try files.names(in: folder))
            if let last = segments.last {
                try cutTornTail(of: last, in: folder, files: files, notice: notice)
            }
            var bytes = 0
            for segment in segments { bytes += try files.size(of: Segment.path(of: segment, in: folder)) }
            let segment = try OpenSegment(number: (segments.last ?? 0) + 1, in: folder, files: files)
            let state = JournalState(
                bytesOnDisk: bytes + segment.end,
                readable: JournalOffset(segment: segment.number, byte: segment.end))
            return JournalCore(
                configuration, files: files, lockFile: lockFile, identity: identity, segment: segment, state: state,
                notice: notice)
        } catch {
            if lockFile >= 0 { files.unlock(lockFile) }
            throw error.code == EWOULDBLOCK ? .inUse : .failed(code: error.code)
        }
    }

    /// Reads the journal's name, or gives it one.
    private static func identity(
        _ lockFile: Int32, at path: String, files: any JournalFiles
    ) throws(FileFault) -> String {
        let bytes = try files.bytes(of: path, from: 0, to: nil)
        if bytes.count == identityBytes { return String(decoding: bytes, as: UTF8.self) }
        var identity = "journal_"
        for _ in 0..<identityBytes - identity.utf8.count {
            identity.unicodeScalars.append(Unicode.Scalar(UInt8.random(in: 0x61...0x7A)))
        }
        try files.writeAll(Array(identity.utf8), count: identityBytes, to: lockFile, at: 0)
        try files.sync(lockFile)
        return identity
    }

    private static let identityBytes = 28

    private static func cutTornTail(
        of segment: UInt32, in folder: String, files: any JournalFiles, notice: (JournalNotice) -> Void
    ) throws(FileFault) {
        let path = Segment.path(of: segment, in: folder)
        let bytes = try files.bytes(of: path, from: 0, to: nil)
        let end = bytes.withUnsafeBytes { Segment.read($0, segment: segment) { _, _ in }.end }
        guard case .torn(let good) = end else { return }
        notice(.tornTail(segment: segment, bytes: bytes.count - good))
        try files.truncate(path, to: good)
    }

    func end() {
        files.unlock(lockFile)
    }

    func isFull(_ state: JournalState, adding bytes: Int) -> Bool {
        state.bytesOnDisk + state.front.used + bytes + state.open * Journal.settlementBytesReserved
            > configuration.bytesMax
    }

    func append(
        bytes: Int, _ encode: (inout JournalState) -> Void
    ) throws(JournalError) -> JournalPosition {
        let (position, mustWake) = try state.withLock { state throws(JournalError) in
            if let failure = state.failure { throw failure }
            if state.isClosing { throw .closed }
            if isFull(state, adding: bytes) || state.front.used + bytes > configuration.bufferBytesMax {
                throw .full
            }
            encode(&state)
            return numbered(&state)
        }
        if mustWake { wake.post() }
        return position
    }

    func append(_ settlement: Settlement) throws(JournalError) -> JournalPosition {
        let (position, mustWake) = try state.withLock { state throws(JournalError) in
            if state.isClosing { throw .closed }
            state.open = max(0, state.open - 1)
            let hasRoom = state.front.used + settlement.encodedBytesMax <= 2 * configuration.bufferBytesMax
            guard state.failure == nil, hasRoom else {
                state.lost.append((settlement.record, settlement.at))
                throw state.failure ?? .full
            }
            state.front.append(settlement)
            return numbered(&state)
        }
        if mustWake { wake.post() }
        return position
    }

    /// Numbers the entry just encoded, and says whether the writer has to be woken.
    private func numbered(_ state: inout JournalState) -> (JournalPosition, Bool) {
        state.appended += 1
        let position = JournalPosition(sequence: state.appended)
        // Who appends also writes, or says that he can't.
        if configuration.isWrittenInTurns { return (position, false) }
        defer { state.isParked = false }
        return (position, state.isParked)
    }

    func enqueue(_ waiter: Waiter, for sequence: UInt64) {
        let thread = UInt(pthread_self())
        let (result, isHandedOver) = state.withLock { state -> (Result<Void, JournalError>?, Bool) in
            if sequence <= state.completed { return (state.result(of: sequence), true) }
            if sequence > state.appended { return (.failure(.closed), true) }
            state.waiters.append((sequence, waiter, thread))
            return (nil, state.isHandedOver)
        }
        if let result { return waiter.resume(returning: Wakeup(result: result)) }
        if configuration.isWrittenInTurns, !isHandedOver { wakeWriter() }
    }
}
