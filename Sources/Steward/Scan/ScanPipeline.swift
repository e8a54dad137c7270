internal import JSON
internal import Snapshots

/// Scans line after line on all cores, and writes the reports in the order of the lines.
///
/// Threads of its own, each with a scanner, take turns at reading and at writing, so that a reader which waits for a line
/// that another program has yet to write keeps none from being scanned. There are as many batches of lines at a time as
/// threads, of 256 KB each or one longer line.
struct ScanPipeline: Sendable {
    let plan: ScanPlan
    let threads: Int

    struct Count: Sendable, Hashable {
        var lines = 0
        /// Lines that were no texts to scan; each has a line `{"line": …, "error": …}` instead of a report.
        var faults = 0
    }

    /// - Parameter write: gets whole lines, from one thread at a time.
    func run(_ source: sending LineSource, write: @escaping @Sendable ([UInt8]) -> Void) throws -> Count {
        let relay = Relay(source)
        let workers = try (0..<max(1, threads)).map { _ in
            try OwnedThread {
                let scanner = TextScanner(plan)
                while let turn = relay.next() {
                    var output: [UInt8] = []
                    var faults = 0
                    for (index, line) in turn.lines.enumerated() {
                        faults += report(line, number: turn.firstLine + index, scanner, to: &output) ? 0 : 1
                    }
                    turn.mayWrite.wait()
                    write(output)
                    relay.note(faults: faults)
                    turn.hasWritten.post()
                }
            }
        }
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

        /// Held while lines are read: who waits for it has nothing else to do.
        private let state: Lock<State>
        private let faults = Lock(0)

        init(_ source: sending LineSource) {
            let first = Semaphore()
            first.post()
            state = Lock(State(source: source, last: first))
        }

        func next() -> Turn? {
            state.withLock { state in
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

        func note(faults more: Int) { faults.withLock { $0 += more } }

        func result() throws -> Count {
            let faults = faults.withLock { $0 }
            return try state.withLock { state in
                if let failure = state.failure { throw failure }
                var count = state.count
                count.faults = faults
                return count
            }
        }
    }
}
