internal import Filtering
internal import JSON

/// Log-probabilities of streamed tokens, held as long as the text that they spell, and dropped with what is redacted.
///
/// Which token spells what is known only as long as the tokens of every event spell what it adds to the content. From the
/// first event on whose tokens don't (they spell reasoning, or a character cut in two), nothing is held any more.
struct LogProbabilityQueue {
    private struct Entry {
        let range: Range<Int>
        /// Empty if it says no probability.
        let json: [UInt8]
    }

    private var entries: [Entry] = []
    private var bytes = 0
    /// Bytes of text that have been spelled so far.
    private var position = 0
    private(set) var isAligned = true
    /// Of all tokens so far.
    var ranks = AlternativeRanks()

    /// Of all entries that wait. Text is held for some hundred bytes, so that only a hostile server comes near it.
    private static let bytesMax = 1 << 20

    var isEmpty: Bool { entries.isEmpty }

    /// Takes the entries of one event's `logprobs.content` in.
    ///
    /// - Parameters:
    ///   - text: what the event says; `nil` if it says nothing.
    ///   - end: bytes that were said so far, this event's with them.
    mutating func append(_ content: JSONNode, spelling text: JSONNode?, upTo end: Int, of document: JSONDocument) {
        guard isAligned else { return }
        var spelled: [UInt8] = []
        for node in document.elements(of: content) {
            let start = position + spelled.count
            if let token = document.member("token", of: node) { document.appendUTF8(of: token, to: &spelled) }
            let json = LogProbability(document: document).json(of: node, after: &ranks) ?? []
            // An array has some overhead.
            bytes += json.count + 64
            entries.append(Entry(range: start..<position + spelled.count, json: json))
        }
        position += spelled.count
        let agrees = text.map { document.withUTF8(of: $0) { $0.elementsEqual(spelled) } } ?? spelled.isEmpty
        guard agrees, position == end, bytes <= Self.bytesMax else { return giveUp() }
    }

    private mutating func giveUp() {
        isAligned = false
        entries = []
    }

    /// The entries whose text has been decided on, as the elements of a JSON array; redacted ones are left out.
    mutating func release(decided: Int, redactions: [Range<Int>]) -> [UInt8] {
        var output: [UInt8] = [0x5B]
        let ready = entries.prefix { $0.range.upperBound <= decided }
        for entry in ready {
            bytes -= entry.json.count + 64
            if entry.json.isEmpty || redactions.contains(where: { $0.overlaps(entry.range) }) { continue }
            if output.count > 1 { output.append(0x2C) }
            output.append(contentsOf: entry.json)
        }
        entries.removeFirst(ready.count)
        output.append(0x5D)
        return output
    }

    /// Redactions that end at or before this offset are of no more use; `fed` bytes were said so far.
    func firstNeeded(_ fed: Int) -> Int {
        // Text without log-probabilities is spelled by none that come later.
        guard isAligned, position == fed else { return .max }
        return entries.first?.range.lowerBound ?? position
    }
}
