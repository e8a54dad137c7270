import Filtering
import Glibc
import Guidelines

/// Prints what the filter takes of one core, as JSON. `scripts/bench-filter` runs it:
///
///     FilterSpeed FILE ROUNDS
///
/// FILE holds texts of valid UTF-8, a line each, which are screened one by one as prompts, and in chunks of 20 bytes (about
/// five tokens) as streamed answers. The fastest of so many rounds counts, since nothing but the machine's other work makes
/// one slower.
@main
struct FilterSpeed {
    static let chunkBytes = 20

    static func main() throws {
        guard CommandLine.arguments.count == 3, let rounds = Int(CommandLine.arguments[2]), rounds > 0 else {
            throw Problem("FilterSpeed FILE ROUNDS")
        }
        let texts = try read(CommandLine.arguments[1]).split(separator: 0x0A).map { Array($0) }
        let bytes = texts.reduce(0) { $0 + $1.count }
        let guidelines = try Guidelines.shipped()
        let rules = try ShippedRules.load()
        let classifier = try ClassifierModel.shipped()
        let parts = [
            ("rules", rules.filter { $0.score == nil }), ("classifier", rules.filter { $0.score != nil }),
            ("everything", rules),
        ]
        var lines: [String] = []
        for (name, rules) in parts {
            let policy = try FilterPolicy(FilterRules(rules, classifier: classifier)) { rule, side in
                guidelines.enforcement(of: rule, side: side, isSandbox: false)
            }
            let screener = Screener()
            let whole = fastest(of: rounds) { screenWhole(texts, screener, policy) }
            let (chunks, streamed) = (chunkCount(texts), fastest(of: rounds) { stream(texts, screener, policy) })
            lines.append(
                "\"\(name)\": {\"megabytes_a_second\": \(Double(bytes) / whole / 1e6), \"microseconds_a_kilobyte\": "
                    + "\(whole * 1e6 / (Double(bytes) / 1_024)), \"microseconds_a_chunk\": "
                    + "\(streamed * 1e6 / Double(chunks))}")
        }
        print(
            "{\"bytes\": \(bytes), \"texts\": \(texts.count), \"chunk_bytes\": \(chunkBytes), \(lines.joined(separator: ", "))}"
        )
    }

    private static func screenWhole(_ texts: [[UInt8]], _ screener: Screener, _ policy: FilterPolicy) {
        for text in texts {
            text.withUnsafeBufferPointer { _ = screener.screen($0, side: .prompt, policy: policy) }
        }
    }

    private static func stream(_ texts: [[UInt8]], _ screener: Screener, _ policy: FilterPolicy) {
        var output: [UInt8] = []
        for text in texts {
            let stream = screener.stream(policy: policy)
            output.removeAll(keepingCapacity: true)
            text.withUnsafeBufferPointer { text in
                forEachChunk(of: text) { stream.feed($0, to: &output) }
            }
            stream.finish(to: &output)
        }
    }

    private static func chunkCount(_ texts: [[UInt8]]) -> Int {
        var count = 0
        for text in texts { text.withUnsafeBufferPointer { forEachChunk(of: $0) { _ in count += 1 } } }
        return count
    }

    private static func forEachChunk(
        of text: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Void
    ) {
        var start = 0
        while start < text.count {
            var end = min(start + chunkBytes, text.count)
            while end < text.count, text[end] & 0xC0 == 0x80 { end += 1 }
            body(UnsafeBufferPointer(rebasing: text[start..<end]))
            start = end
        }
    }

    /// Seconds of this thread's processor time.
    private static func fastest(of rounds: Int, _ body: () -> Void) -> Double {
        body()
        return (0..<rounds).map { _ in
            let start = processorTime()
            body()
            return processorTime() - start
        }.min() ?? 0
    }

    private static func processorTime() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func read(_ path: String) throws -> [UInt8] {
        guard let file = fopen(path, "rb") else { throw Problem("\(path) can't be read.") }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while case let count = fread(&piece, 1, 65_536, file), count > 0 { bytes += piece[..<count] }
        return bytes
    }
}

struct Problem: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
