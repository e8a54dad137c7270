internal import Snapshots

/// Syncs what was written under `crash`, at least every 50 ms, beside the writer; lives on its own thread.
///
/// Under `crash` only this thread closes segments that the writer has left, so a file is never closed while it syncs.
struct JournalSyncer: ~Copyable {
    private let core: JournalCore

    init(core: JournalCore) {
        self.core = core
    }

    borrowing func run() {
        while true {
            // tidy: This is a thread of its own, not an event loop.
            core.syncWake.wait()
            if !core.state.withLock({ $0.isClosing }) {
                OwnedThread.nap(microseconds: core.configuration.syncMicroseconds)
            }
            let (dirty, retired, hasWriterEnded) = core.state.withLock { state in
                let taken = (state.dirty, state.retired, state.hasWriterEnded)
                state.dirty = nil
                state.retired = []
                return taken
            }
            if let dirty, !retired.contains(dirty) { sync(dirty) }
            for file in retired {
                sync(file)
                core.files.close(file)
            }
            if hasWriterEnded { return }
        }
    }

    private borrowing func sync(_ file: Int32) {
        do throws(FileFault) {
            try core.files.sync(file)
        } catch {
            let mustWake = core.state.withLock { state in
                state.syncFault = error.code
                defer { state.isParked = false }
                return state.isParked
            }
            if mustWake { core.wake.post() }
        }
    }
}
