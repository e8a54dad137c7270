internal import Glibc
internal import Snapshots

/// Judges line after line on all cores, and hands out the reports in the order of the lines.
///
/// Threads of its own, each with a scanner, take turns at reading and at writing, so that a reader which waits for a line
/// that another program has yet to write keeps none from being scanned. There are as many batches of lines at a time as
/// threads, each of the lines of 256 KB or one longer line, and what their texts take while they are read and scanned.
struct ScanPipeline<Report>: Sendable {
    let threads: Int
    /// Makes what judges a thread's lines.
    let makeJudge: @Sendable () -> (ScanLine) -> Report

    enum Entry {
        case report(Report)
        /// Why a line, counted from 1, is no text to scan.
        case fault(line: Int, message: String)
    }

    struct Count: Sendable, Hashable {
        var lines = 0
        /// Lines that were no texts to scan.
        var faults = 0
    }

    /// - Parameter write: gets the entries of some lines, from one thread at a time; answers with the code of a failure.
    /// - Throws: `CommandFailure` where lines can't be read, or reports not written.
    func scan(_ source: sending LineSource, write: @escaping @Sendable ([Entry]) -> Int32?) throws -> Count {
        do {
            return try run(source, write: write)
        } catch let failure as ScanWriteFailure {
            throw CommandFailure(
                "Output can't be written: \(String(cString: strerror(failure.code))). What is there is cut short.",
                .inputOutput)
        } catch let failure as LineSourceFailure {
            throw CommandFailure("Standard input can't be read: \(String(cString: strerror(failure.code))).", .noInput)
        }
    }

    func run(_ source: sending LineSource, write: @escaping @Sendable ([Entry]) -> Int32?) throws -> Count {
        let relay = ScanRelay(source)
        let work: @Sendable () -> Void = {
            let judge = makeJudge()
            while let turn = relay.next() {
                var entries: [Entry] = []
                var faults = 0
                for (index, line) in turn.lines.enumerated() {
                    guard let entry = Self.entry(line, number: turn.firstLine + index, judge) else { continue }
                    if case .fault = entry { faults += 1 }
                    entries.append(entry)
                }
                turn.mayWrite.wait()
                relay.note(faults: faults, failure: relay.hasFailed ? nil : write(entries))
                turn.hasWritten.post()
            }
        }
        // With fewer threads than were asked for it takes longer.
        let workers = [try OwnedThread(work)] + (1..<max(1, threads)).compactMap { _ in try? OwnedThread(work) }
        for worker in workers { worker.join() }
        let (lines, faults) = try relay.result()
        return Count(lines: lines, faults: faults)
    }

    /// `nil` for an empty line.
    private static func entry(_ line: LineSource.Line, number: Int, _ judge: (ScanLine) -> Report) -> Entry? {
        do throws(ScanLine.Problem) {
            let bytes: [UInt8]
            switch line {
            case .whole(let whole): bytes = whole
            case .tooLong(let bytesMax):
                throw ScanLine.Problem(message: "The line is longer than \(bytesMax >> 20) MB.")
            }
            return bytes.isEmpty ? nil : .report(judge(try ScanLine(bytes)))
        } catch {
            return .fault(line: number, message: error.message)
        }
    }
}

/// What could not be written, by the code of `write`; nothing more was read then.
struct ScanWriteFailure: Error, Hashable {
    let code: Int32
}

/// Hands out lines, each batch with its place in the order of writing.
private final class ScanRelay: Sendable {
    struct Turn {
        let lines: [LineSource.Line]
        let firstLine: Int
        let mayWrite: Snapshots.Semaphore
        let hasWritten: Snapshots.Semaphore
    }

    private struct State {
        var source: LineSource
        var last: Snapshots.Semaphore
        var lines = 0
        var failure: LineSourceFailure?
    }

    private struct Written {
        var faults = 0
        var failure: Int32?
    }

    /// Held while lines are read: who waits for it has nothing else to do.
    private let state: Lock<State>
    private let written = Lock(Written())

    /// Whether something could not be written: what comes after it is not either.
    var hasFailed: Bool { written.withLock { $0.failure != nil } }

    init(_ source: sending LineSource) {
        let first = Snapshots.Semaphore()
        first.post()
        state = Lock(State(source: source, last: first))
    }

    func next() -> Turn? {
        if hasFailed { return nil }
        return state.withLock { state -> Turn? in
            do throws(LineSourceFailure) {
                guard state.failure == nil, let lines = try state.source.next() else { return nil }
                let turn = Turn(
                    lines: lines, firstLine: state.lines + 1, mayWrite: state.last, hasWritten: Snapshots.Semaphore())
                state.last = turn.hasWritten
                state.lines += lines.count
                return turn
            } catch {
                state.failure = error
                return nil
            }
        }
    }

    func note(faults: Int, failure: Int32?) {
        written.withLock { written in
            written.faults += faults
            written.failure = written.failure ?? failure
        }
    }

    func result() throws -> (lines: Int, faults: Int) {
        let written = written.withLock { $0 }
        if let code = written.failure { throw ScanWriteFailure(code: code) }
        return try state.withLock { state in
            if let failure = state.failure { throw failure }
            return (state.lines, written.faults)
        }
    }
}
