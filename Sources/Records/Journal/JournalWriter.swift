internal import Glibc
internal import Snapshots
internal import Storage

/// The journal's writer; lives on its own thread.
struct JournalWriter: ~Copyable {
    private let core: JournalCore
    private var segment: OpenSegment
    /// The latest segment number tried; a number whose creation failed is not tried again.
    private var number: UInt32
    private var back = FrameBuffer()
    private var backFirst: UInt64 = 0
    private var backLast: UInt64 = 0
    /// The current segment's file is not to be trusted with more.
    private var mustRotate = false
    private var linger: Linger

    /// With fewer open exchanges than this, entries are written at once: nobody else would share the batch.
    private static let crowd = 4

    private enum Next {
        case batch
        case park
        case fault(Int32)
        case stop
    }

    init(core: JournalCore, segment: OpenSegment) {
        self.core = core
        self.segment = segment
        number = segment.number
        linger = Linger(within: core.configuration.lingerMicroseconds)
    }

    consuming func run() {
        var isCrowded = false
        while true {
            let hasLingered = isCrowded
            if hasLingered { OwnedThread.nap(microseconds: linger.microseconds) }
            switch take() {
            case .batch:
                isCrowded = writeBatch()
                if hasLingered { linger.learn(entries: back.entries) }
            case .park:
                // tidy: This is a thread of its own, not an event loop.
                core.wake.wait()
                isCrowded = core.state.withLock { $0.open >= Self.crowd && !$0.isClosing }
            case .fault(let code):
                mustRotate = true
                fail(code)
                if !recover() { return finish() }
            case .stop:
                return finish()
            }
        }
    }

    private mutating func take() -> Next {
        var spare = back
        back = FrameBuffer()
        spare.removeAll()
        let (next, first, last) = core.state.withLock { state -> (Next, UInt64, UInt64) in
            if let code = state.syncFault {
                state.syncFault = nil
                return (.fault(code), 0, 0)
            }
            for (record, at) in state.lost { state.front.append(lost: record, at: at) }
            state.appended += UInt64(state.lost.count)
            state.lost.removeAll()
            if state.front.used == 0 {
                state.isParked = !state.isClosing
                return (state.isClosing ? .stop : .park, 0, 0)
            }
            swap(&state.front, &spare)
            return (.batch, state.completed + 1, state.appended)
        }
        (back, backFirst, backLast) = (spare, first, last)
        return next
    }

    /// Writes the batch; whether the next one is worth waiting for.
    private mutating func writeBatch() -> Bool {
        back.seal()
        do throws(FileFault) {
            try persist()
        } catch {
            fail(error.code)
            _ = recover()
            return false
        }
        let (waiters, isCrowded, mustSync) = core.state.withLock { state in
            state.completed = backLast
            state.bytesOnDisk += back.used
            state.readable = JournalOffset(segment: segment.number, byte: segment.end)
            let mustSync = core.configuration.durability == .crash && markDirty(&state)
            return (state.takeWaiters(), state.open >= Self.crowd && !state.isClosing, mustSync)
        }
        if mustSync { core.syncWake.post() }
        for (waiter, wakeup) in waiters { waiter.resume(returning: wakeup) }
        return isCrowded || back.entries >= Self.crowd
    }

    private mutating func persist() throws(FileFault) {
        if mustRotate
            || segment.end > Segment.headerBytes && segment.end + back.used > core.configuration.segmentBytesMax
        {
            try rotate()
        }
        let good = segment.end
        do throws(FileFault) {
            try segment.write(back.bytes, count: back.used, files: core.files)
            if core.configuration.durability == .power { try core.files.sync(segment.file) }
        } catch {
            // A failed sync may have dropped pages, so the file is not used again; a failed write is cut off.
            mustRotate = mustRotate || segment.end != good
            segment.end = good
            throw error
        }
    }

    private mutating func rotate() throws(FileFault) {
        number += 1
        let next = try OpenSegment(number: number, in: core.configuration.folder, files: core.files)
        let left = segment.file
        segment = next
        mustRotate = false
        core.state.withLock { $0.bytesOnDisk += next.end }
        leave(left)
    }

    /// Gives up a file: the syncer closes it, or under `power`, where it is synced already, this thread.
    private borrowing func leave(_ file: Int32) {
        guard core.configuration.durability == .crash else { return core.files.close(file) }
        core.state.withLock { $0.retired.append(file) }
        core.syncWake.post()
    }

    private borrowing func markDirty(_ state: inout JournalState) -> Bool {
        defer { state.dirty = segment.file }
        return state.dirty == nil
    }

    /// Fails the batch and all that gathered meanwhile.
    private mutating func fail(_ code: Int32) {
        let bounced = back
        back = FrameBuffer()
        let waiters = core.state.withLock { state in
            state.failure = .failed(code: code)
            if state.appended > state.completed { state.fail(state.completed + 1...state.appended) }
            state.completed = state.appended
            Self.keepLost(of: bounced, in: &state)
            Self.keepLost(of: state.front, in: &state)
            state.front.removeAll()
            return state.takeWaiters()
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
    private mutating func recover() -> Bool {
        var pause = 10_000
        while true {
            if core.state.withLock({ $0.isClosing }) { return false }
            OwnedThread.nap(microseconds: pause)
            pause = min(pause * 2, 1_000_000)
            do throws(FileFault) {
                try probe()
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
    private mutating func probe() throws(FileFault) {
        try core.files.truncate(segment.path, to: segment.end)
        if mustRotate { try rotate() }
        let good = segment.end
        let padding = [UInt8](repeating: 0, count: 64 * 1024)
        defer { segment.end = good }
        do throws(FileFault) {
            try segment.write(padding, count: padding.count, files: core.files)
        } catch {
            try core.files.truncate(segment.path, to: good)
            throw error
        }
        try core.files.truncate(segment.path, to: good)
        try core.files.sync(segment.file)
    }

    private consuming func finish() {
        let waiters = core.state.withLock { state in
            if state.appended > state.completed { state.fail(state.completed + 1...state.appended) }
            state.completed = state.appended
            if state.failure == nil { state.failure = .closed }
            return state.takeWaiters()
        }
        for (waiter, wakeup) in waiters { waiter.resume(returning: wakeup) }
        if core.configuration.durability == .power { try? core.files.sync(segment.file) }
        leave(segment.file)
        core.state.withLock { $0.hasWriterEnded = true }
        core.syncWake.post()
    }
}
