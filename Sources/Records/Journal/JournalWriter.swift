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
        /// A batch was written; whether the next one is worth waiting for.
        case wrote(JournalPen.Completed, isCrowded: Bool)
        case park
        case fault(Int32)
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
            case .wrote(let completed, let isNextCrowded):
                completed.tell(core)
                isCrowded = isNextCrowded && !core.state.withLock(\.isHandedOver)
                if hasLingered { linger.learn(entries: completed.entries) }
            case .park:
                guard !unpark() else {
                    isCrowded = false
                    continue
                }
                // tidy: This is a thread of its own, not an event loop.
                core.wake.wait()
                isCrowded = core.state.withLock { $0.open >= Self.crowd && !$0.isClosing }
            case .fault(let code):
                isCrowded = false
                fail(code)
                if !recover() { return finish() }
            case .stop:
                return finish()
            }
        }
    }

    /// Whether something was handed over before this thread, about to sleep, had put the pen down. A post that comes
    /// meanwhile only makes it look once more.
    private borrowing func unpark() -> Bool {
        core.state.withLock { state in
            if state.isHandedOver { state.isParked = false }
            return state.isHandedOver
        }
    }

    /// Writes what has gathered.
    private borrowing func next() -> Next {
        let core = core
        return core.pen.withLock { pen in
            if let code = pen.fault { return .fault(code) }
            let next = core.state.withLock { state -> Next? in
                if let code = state.syncFault {
                    state.syncFault = nil
                    // What was written before can't be trusted either.
                    pen.mustRotate = true
                    pen.fault = code
                    return .fault(code)
                }
                for (record, at) in state.lost { state.front.append(lost: record, at: at) }
                state.appended += UInt64(state.lost.count)
                state.lost.removeAll()
                if state.front.used == 0 {
                    state.isHandedOver = false
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
        do throws(FileFault) {
            try persist(&pen, core)
        } catch {
            // Set while the pen is held: a caller who took it next would have the batch written as his own.
            pen.fault = error.code
            return .fault(error.code)
        }
        let (completed, isCrowded) = core.state.withLock { state in
            (pen.complete(&state, core.configuration.durability), state.open >= crowd && !state.isClosing)
        }
        return .wrote(completed, isCrowded: isCrowded || completed.entries >= crowd)
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
            try pen.write(core.files)
            if core.configuration.durability == .power { try core.files.sync(pen.segment.file) }
        } catch {
            // A failed sync may have dropped pages, so the file is not used again; a failed write is cut off.
            pen.mustRotate = pen.mustRotate || pen.segment.end != good
            pen.segment.end = good
            throw error
        }
    }

    private static func rotate(_ pen: inout JournalPen, _ core: JournalCore) throws(FileFault) {
        pen.segmentNumber += 1
        let next = try OpenSegment(number: pen.segmentNumber, in: core.configuration.folder, files: core.files)
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
    private borrowing func fail(_ code: Int32) {
        let core = core
        let waiters = core.pen.withLock { pen in
            let bounced = pen.back
            pen.back = FrameBuffer()
            pen.fault = nil
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
