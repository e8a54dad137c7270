import Glibc
import Records
import Snapshots
import Storage

/// The system's files, with faults at chosen steps: before the step did anything, or after it did.
final class FaultyFiles: JournalFiles {
    enum Step: String, CaseIterable, Sendable {
        case create, write, sync, syncFolder, truncate, read

        /// What the journal's writer does.
        static let ofWriter = allCases.filter { $0 != .read }
    }

    struct Fault: Sendable {
        var step: Step
        /// Counts this step's calls from 1, since the fault was armed.
        var call = 1
        var isAfter: Bool
        var code = ENOSPC
    }

    private let system = SystemFiles()
    private let state = Lock((faults: [Fault](), calls: [Step: Int](), pieceBytes: Int.max, nap: 0))

    /// Whether every armed fault has struck.
    var haveStruck: Bool {
        state.withLock { state in
            state.faults.allSatisfy { state.calls[$0.step, default: 0] >= $0.call }
        }
    }

    func arm(_ faults: Fault...) {
        state.withLock { $0 = (faults, [:], $0.pieceBytes, $0.nap) }
    }

    /// Makes every write a short one.
    func writeInPieces(of bytes: Int) {
        state.withLock { $0.pieceBytes = bytes }
    }

    /// Makes every write take so long, in microseconds.
    func slowDown(by microseconds: Int) {
        state.withLock { $0.nap = microseconds }
    }

    func calls(of step: Step) -> Int { state.withLock { $0.calls[step, default: 0] } }

    private func strikes(_ step: Step) -> Fault? {
        state.withLock { state in
            state.calls[step, default: 0] += 1
            return state.faults.first { $0.step == step && $0.call == state.calls[step] }
        }
    }

    private func run<Value>(_ step: Step, _ body: () throws(FileFault) -> Value) throws(FileFault) -> Value {
        guard let fault = strikes(step) else { return try body() }
        if fault.isAfter { _ = try body() }
        throw FileFault(code: fault.code)
    }

    func makeFolder(_ path: String) throws(FileFault) { try system.makeFolder(path) }
    func lock(_ path: String) throws(FileFault) -> Int32 { try system.lock(path) }
    func unlock(_ file: Int32) { system.unlock(file) }
    func names(in folder: String) throws(FileFault) -> [String] { try system.names(in: folder) }
    func size(of path: String) throws(FileFault) -> Int { try system.size(of: path) }
    func bytes(of path: String, from offset: Int, to end: Int?) throws(FileFault) -> [UInt8] {
        try run(.read) { () throws(FileFault) in try system.bytes(of: path, from: offset, to: end) }
    }
    func writtenAt(_ path: String) throws(FileFault) -> Timestamp { try system.writtenAt(path) }
    func close(_ file: Int32) { system.close(file) }
    func rename(_ path: String, to other: String) throws(FileFault) { try system.rename(path, to: other) }
    func remove(_ path: String) throws(FileFault) { try system.remove(path) }

    func create(_ path: String) throws(FileFault) -> Int32 {
        try run(.create) { () throws(FileFault) in try system.create(path) }
    }

    func write(_ bytes: UnsafeRawBufferPointer, to file: Int32, at offset: Int) throws(FileFault) -> Int {
        let (pieceBytes, nap) = state.withLock { ($0.pieceBytes, $0.nap) }
        if nap > 0 { OwnedThread.nap(microseconds: nap) }
        let piece = UnsafeRawBufferPointer(rebasing: bytes.prefix(pieceBytes))
        return try run(.write) { () throws(FileFault) in try system.write(piece, to: file, at: offset) }
    }

    func sync(_ file: Int32) throws(FileFault) {
        try run(.sync) { () throws(FileFault) in try system.sync(file) }
    }

    func syncFolder(_ path: String) throws(FileFault) {
        try run(.syncFolder) { () throws(FileFault) in try system.syncFolder(path) }
    }

    func truncate(_ path: String, to bytes: Int) throws(FileFault) {
        try run(.truncate) { () throws(FileFault) in try system.truncate(path, to: bytes) }
    }
}
