internal import Filtering
internal import JSON

/// Log-probabilities of streamed tokens, held as long as the text that they spell, and dropped with what is redacted.
struct LogProbabilityQueue {
    private struct Entry {
        let range: Range<Int>
        let json: [UInt8]
    }

    private var entries: [Entry] = []
    private var position = 0

    var isEmpty: Bool { entries.isEmpty }

    /// Takes the entries of one event's `logprobs.content` in; each covers as many bytes as its token spells.
    mutating func append(_ content: JSONNode, of document: JSONDocument) {
        for node in document.elements(of: content) {
            let count: Int
            if let bytes = document.member("bytes", of: node), document.kind(bytes) == .array {
                count = document.count(of: bytes)
            } else {
                count = document.member("token", of: node).map { document.withUTF8(of: $0) { $0.count } } ?? 0
            }
            var json: [UInt8] = []
            document.serialise(node, into: &json)
            entries.append(Entry(range: position..<position + count, json: json))
            position += count
        }
    }

    /// The entries whose text has been decided on, as the elements of a JSON array; redacted ones are left out.
    mutating func release(decided: Int, redactions: [Range<Int>]) -> [UInt8] {
        var output: [UInt8] = [0x5B]
        let ready = entries.prefix { $0.range.upperBound <= decided }
        for entry in ready where !redactions.contains(where: { $0.overlaps(entry.range) }) {
            if output.count > 1 { output.append(0x2C) }
            output.append(contentsOf: entry.json)
        }
        entries.removeFirst(ready.count)
        output.append(0x5D)
        return output
    }
}
