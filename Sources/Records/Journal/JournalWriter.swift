internal import Glibc
internal import Snapshots
internal import Storage

/// The journal's writer; lives on its own thread.
struct JournalWriter: ~Copyable {
    private let core: JournalCore
    private var linger: Linger

    /// With fewer open exchanges than this, entries are written at once: nobody else would share the batch.
    private static let crowd = 4

    private enum Next {
        /// So many entries were written; whether the next ones are worth waiting for.
        case wrote(entries: Int, isCrowded: Bool)
        case park
        /// - Parameter spoilsFile: what was written before can't be trusted either.
        case fault(Int32, spoilsFile: Bool)
        case stop
    }

    init(core: JournalCore) {
        self.core = core
        linger = Linger(within: core.configuration.lingerMicroseconds)
    }

    consuming func run() {
        var isCrowded = false
        while true {
            let hasLingered = isCrowded
            if hasLingered { OwnedThread.nap(microseconds: linger.microseconds) }
            switch next() {
            case .wrote(let entries, let isNextCrowded):
                isCrowded = isNextCrowded
                if hasLingered { linger.learn(entries: entries) }
            case .park:
                // tidy: This is a thread of its own, not an event loop.
                core.wake.wait()
                isCrowded = core.state.withLock { $0.open >= Self.crowd && !$0.isClosing }
            case .fault(let code, let spoilsFile):
                isCrowded = false
                fail(code, spoilsFile: spoilsFile)
                if !recover() { return finish() }
            case .stop:
                return finish()
            }
        }
    }

    /// Writes what has gathered.
    private borrowing func next() -> Next {
        let core = core
        return core.pen.withLock { pen in
            if let code = pen.fault { return .fault(code, spoilsFile: false) }
            let next = core.state.withLock { state -> Next? in
                if let code = state.syncFault {
                    state.syncFault = nil
                    return .fault(code, spoilsFile: true)
                }
                for (record, at) in state.lost { state.front.append(lost: record, at: at) }
                state.appended += UInt64(state.lost.count)
                state.lost.removeAll()
                if state.front.used == 0 {
                    state.isParked = !state.isClosing
                    return state.isClosing ? .stop : .park
                }
                pen.take(&state)
                return nil
            }
            return next ?? Self.writeBatch(&pen, core)
        }
    }

    private static func writeBatch(_ pen: inout JournalPen, _ core: JournalCore) -> Next {
        pen.back.seal()
        do throws(FileFault) {
            try persist(&pen, core)
        } catch {
            return .fault(error.code, spoilsFile: false)
        }
        let (completed, isCrowded) = core.state.withLock { state in
            (pen.complete(&state, core.configuration.durability), state.open >= crowd && !state.isClosing)
        }
        if completed.mustSync { core.syncWake.post() }
        for (waiter, wakeup) in completed.waiters { waiter.resume(returning: wakeup) }
        return .wrote(entries: completed.entries, isCrowded: isCrowded || completed.entries >= crowd)
    }

    private static func persist(_ pen: inout JournalPen, _ core: JournalCore) throws(FileFault) {
        if pen.mustRotate
            || pen.segment.end > Segment.headerBytes
                && pen.segment.end + pen.back.used > core.configuration.segmentBytesMax
        {
            try rotate(&pen, core)
        }
        let good = pen.segment.end
        do throws(FileFault) {
            try pen.segment.write(pen.back.bytes, count: pen.back.used, files: core.files)
            if core.configuration.durability == .power { try core.files.sync(pen.segment.file) }
        } catch {
            // A failed sync may have dropped pages, so the file is not used again; a failed write is cut off.
            pen.mustRotate = pen.mustRotate || pen.segment.end != good
            pen.segment.end = good
            throw error
        }
    }

    private static func rotate(_ pen: inout JournalPen, _ core: JournalCore) throws(FileFault) {
        pen.number += 1
        let next = try OpenSegment(number: pen.number, in: core.configuration.folder, files: core.files)
        let left = pen.segment.file
        pen.segment = next
        pen.mustRotate = false
        core.state.withLock { $0.bytesOnDisk += next.end }
        leave(left, core)
    }

    /// Gives up a file: the syncer closes it, or under `power`, where it is synced already, this thread.
    private static func leave(_ file: Int32, _ core: JournalCore) {
        guard core.configuration.durability == .crash else { return core.files.close(file) }
        core.state.withLock { $0.retired.append(file) }
        core.syncWake.post()
    }

    /// Fails the batch and all that gathered meanwhile.
    private borrowing func fail(_ code: Int32, spoilsFile: Bool) {
        let core = core
        let waiters = core.pen.withLock { pen in
            let bounced = pen.back
            pen.back = FrameBuffer()
            pen.fault = nil
            if spoilsFile { pen.mustRotate = true }
            return core.state.withLock { state in
                state.failure = .failed(code: code)
                if state.appended > state.completed { state.fail(state.completed + 1...state.appended) }
                state.completed = state.appended
                Self.keepLost(of: bounced, in: &state)
                Self.keepLost(of: state.front, in: &state)
                state.front.removeAll()
                return state.takeWaiters()
            }
        }
        core.notice(.writeFailed(code: code))
        for (waiter, wakeup) in waiters { waiter.resume(returning: wakeup) }
    }

    /// Remembers which settlements bounced, and forgets the admissions that did.
    private static func keepLost(of buffer: FrameBuffer, in state: inout JournalState) {
        var sealed = buffer
        sealed.seal()
        var lost: [(record: RecordID, at: Timestamp)] = []
        var admissions = 0
        sealed.bytes.withUnsafeBytes { all in
            let used = UnsafeRawBufferPointer(rebasing: all.prefix(sealed.used))
            var start = 0
            while let (frame, next) = FrameDecoder.frame(in: used, at: start) {
                start = next
                switch frame {
                case .settlement(let settlement): lost.append((settlement.record, settlement.at))
                case .lost(let record, let at): lost.append((record, at))
                case .admission: admissions += 1
                case .refused: break
                }
            }
        }
        state.lost += lost
        state.open = max(0, state.open - admissions)
    }

    /// Tries until the disk takes a probe; `false` if the journal closes first.
    private borrowing func recover() -> Bool {
        let core = core
        var pause = 10_000
        while true {
            if core.state.withLock({ $0.isClosing }) { return false }
            OwnedThread.nap(microseconds: pause)
            pause = min(pause * 2, 1_000_000)
            do throws(FileFault) {
                try core.pen.withLock { pen throws(FileFault) in try Self.probe(&pen, core) }
            } catch {
                core.state.withLock { $0.failure = .failed(code: error.code) }
                continue
            }
            core.state.withLock { state in
                state.failure = nil
                state.syncFault = nil
            }
            core.notice(.recovered)
            return true
        }
    }

    /// Cuts the file back to its last good frame, then writes and cuts off again what a batch may need.
    private static func probe(_ pen: inout JournalPen, _ core: JournalCore) throws(FileFault) {
        try core.files.truncate(pen.segment.path, to: pen.segment.end)
        if pen.mustRotate { try rotate(&pen, core) }
        let good = pen.segment.end
        let padding = [UInt8](repeating: 0, count: 64 * 1024)
        defer { pen.segment.end = good }
        do throws(FileFault) {
            try pen.segment.write(padding, count: padding.count, files: core.files)
        } catch {
            try core.files.truncate(pen.segment.path, to: good)
            throw error
        }
        try core.files.truncate(pen.segment.path, to: good)
        try core.files.sync(pen.segment.file)
    }

    private consuming func finish() {
        let core = core
        let waiters = core.state.withLock { state in
            if state.appended > state.completed { state.fail(state.completed + 1...state.appended) }
            state.completed = state.appended
            if state.failure == nil { state.failure = .closed }
            return state.takeWaiters()
        }
        for (waiter, wakeup) in waiters { waiter.resume(returning: wakeup) }
        core.pen.withLock { pen in
            if core.configuration.durability == .power { try? core.files.sync(pen.segment.file) }
            Self.leave(pen.segment.file, core)
        }
        core.state.withLock { $0.hasWriterEnded = true }
        core.syncWake.post()
    }
}
