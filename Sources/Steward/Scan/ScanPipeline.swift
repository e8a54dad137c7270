internal import JSON
internal import Snapshots

/// Scans line after line on all cores, and writes the reports in the order of the lines.
///
/// Threads of its own, each with a scanner, take turns at reading and at writing, so that a reader which waits for a line
/// that another program has yet to write keeps none from being scanned. There are as many batches of lines at a time as
/// threads, each of the lines of 256 KB or one longer line, and what their texts take while they are read and scanned.
struct ScanPipeline: Sendable {
    let plan: ScanPlan
    let threads: Int

    struct Count: Sendable, Hashable {
        var lines = 0
        /// Lines that were no texts to scan; each has a line `{"line": …, "error": …}` instead of a report.
        var faults = 0
    }

    /// What could not be written, by the code of `write`; nothing more was read then.
    struct WriteFailure: Error, Hashable {
        let code: Int32
    }

    /// - Parameter write: gets whole lines, from one thread at a time; answers with the code of a failure.
    func run(_ source: sending LineSource, write: @escaping @Sendable ([UInt8]) -> Int32?) throws -> Count {
        let relay = Relay(source)
        let work: @Sendable () -> Void = {
            let scanner = TextScanner(plan)
            while let turn = relay.next() {
                var output: [UInt8] = []
                var faults = 0
                for (index, line) in turn.lines.enumerated() {
                    faults += report(line, number: turn.firstLine + index, scanner, to: &output) ? 0 : 1
                }
                turn.mayWrite.wait()
                relay.note(faults: faults, failure: relay.hasFailed ? nil : write(output))
                turn.hasWritten.post()
            }
        }
        // With fewer threads than were asked for it takes longer.
        let workers = [try OwnedThread(work)] + (1..<max(1, threads)).compactMap { _ in try? OwnedThread(work) }
        for worker in workers { worker.join() }
        return try relay.result()
    }

    /// - Returns: whether the line was a text to scan.
    private func report(
        _ line: LineSource.Line, number: Int, _ scanner: TextScanner, to output: inout [UInt8]
    ) -> Bool {
        do throws(ScanLine.Problem) {
            let bytes: [UInt8]
            switch line {
            case .whole(let whole): bytes = whole
            case .tooLong(let bytesMax):
                throw ScanLine.Problem(message: "The line is longer than \(bytesMax >> 20) MB.")
            }
            if bytes.isEmpty { return true }
            let line = try ScanLine(bytes)
            output += scanner.scan(line).json(of: line) + [0x0A]
            return true
        } catch {
            var writer = JSONWriter()
            writer.object { writer in
                writer.key("line" as StaticString)
                writer.int(number)
                writer.key("error" as StaticString)
                writer.string(error.message)
            }
            output += writer.bytes + [0x0A]
            return false
        }
    }

    /// Hands out lines, each batch with its place in the order of writing.
    private final class Relay: Sendable {
        struct Turn {
            let lines: [LineSource.Line]
            let firstLine: Int
            let mayWrite: Semaphore
            let hasWritten: Semaphore
        }

        private struct State {
            var source: LineSource
            var last: Semaphore
            var count = Count()
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
            let first = Semaphore()
            first.post()
            state = Lock(State(source: source, last: first))
        }

        func next() -> Turn? {
            if hasFailed { return nil }
            return state.withLock { state -> Turn? in
                do throws(LineSourceFailure) {
                    guard state.failure == nil, let lines = try state.source.next() else { return nil }
                    let turn = Turn(
                        lines: lines, firstLine: state.count.lines + 1, mayWrite: state.last, hasWritten: Semaphore())
                    state.last = turn.hasWritten
                    state.count.lines += lines.count
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

        func result() throws -> Count {
            let written = written.withLock { $0 }
            if let code = written.failure { throw WriteFailure(code: code) }
            return try state.withLock { state in
                if let failure = state.failure { throw failure }
                var count = state.count
                count.faults = written.faults
                return count
            }
        }
    }
}
