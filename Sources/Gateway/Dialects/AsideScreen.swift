internal import Filtering
internal import JSON

/// Judges what stands in a streamed choice beside its texts: names of members, ids and other words of the protocol, strings
/// of lists, and long numbers. Names and numbers each by itself; words also with those that stood at their place before,
/// because client libraries join strings from event to event.
struct AsideScreen {
    private(set) var verdict = Verdict.allow
    private(set) var findings: [Finding] = []
    /// Nothing of the choice may leave any more.
    private(set) var isBlocked = false
    /// Words that may leave; servers repeat theirs in every event.
    private var words: Set<String> = []
    /// What has stood at the places of words.
    private var places: [Place] = []

    private struct Place {
        let path: [StreamChannel.Step]
        /// Servers repeat it in every event.
        var last: [UInt8]
        /// As client libraries join it; the end of it.
        var text: [UInt8]
    }

    private static let findingsMax = 64
    private static let wordsMax = 64
    private static let wordBytesMax = 128
    /// More than a text that any rule is for.
    private static let joinedBytesMax = 1_024
    /// Of one choice: each tool call has a place or two.
    private static let placesMax = 1_024
    /// No server has a longer number to tell.
    private static let numberBytesMax = 64

    /// Judges the name of a member or a word of the protocol. A redacted name would be none, so it blocks.
    mutating func judge(_ word: String, _ screener: Screener, _ filter: FilterPolicy, observesOnly: Bool) {
        if words.contains(word) { return }
        let screened = screen(Array(word.utf8), screener, filter)
        if !observesOnly, screened == .redact || screened == .block {
            isBlocked = true
        } else if words.count < Self.wordsMax, word.utf8.count <= Self.wordBytesMax {
            words.insert(word)
        }
    }

    func hasWords(at path: [StreamChannel.Step]) -> Bool {
        places.contains { $0.path == path }
    }

    /// Judges what comes at the place of a word, or in a list, together with what came there before.
    ///
    /// - Parameter isWord: said again, it says nothing new.
    mutating func join(
        _ word: [UInt8], at path: [StreamChannel.Step], isWord: Bool = true, _ screener: Screener,
        _ filter: FilterPolicy, observesOnly: Bool
    ) throws(UpstreamFailure) {
        guard let index = places.firstIndex(where: { $0.path == path }) else {
            guard places.count < Self.placesMax else { throw .malformed("more words than a choice can have") }
            places.append(
                Place(path: path, last: isWord ? word : [], text: Array(word.suffix(Self.joinedBytesMax))))
            return
        }
        if isWord {
            if places[index].last == word { return }
            places[index].last = word
        }
        let text = places[index].text + word
        places[index].text = Array(text.suffix(Self.joinedBytesMax))
        let screened = screen(text, screener, filter)
        // What was said before has left.
        if !observesOnly, screened == .redact || screened == .block { isBlocked = true }
    }

    /// Judges a number by its digits, however it is written.
    ///
    /// - Returns: what stands in its place, as text; `nil` if it may leave.
    mutating func replacement(
        for number: JSONNode, of document: JSONDocument, _ screener: Screener, _ filter: FilterPolicy,
        observesOnly: Bool
    ) throws(UpstreamFailure) -> [UInt8]? {
        let bytes = document.bytes[document.source(of: number)]
        if bytes.count < Passage.digitsMin { return nil }
        guard bytes.count <= Self.numberBytesMax else { throw .malformed("a number that is too long") }
        var digits: [UInt8] = []
        document.appendDigits(of: number, to: &digits)
        // A fraction may begin with any number of them.
        digits = Array(digits.drop { $0 == 0x30 })
        if digits.count < Passage.digitsMin { return nil }
        switch screen(digits, screener, filter) {
        case .redact where !observesOnly:
            if let category = screener.redactions.first?.category {
                return filter.markers.marker(category)
            }
            isBlocked = true
        case .block where !observesOnly: isBlocked = true
        default: break
        }
        return nil
    }

    /// Judges a text of which no more comes.
    ///
    /// - Returns: what is left of it; `nil` if it may leave as it is.
    mutating func redacted(
        _ text: [UInt8], _ screener: Screener, _ filter: FilterPolicy, observesOnly: Bool
    ) -> [UInt8]? {
        let screened = screen(text, screener, filter)
        guard !observesOnly, screened == .redact || screened == .block else { return nil }
        if screened == .block { isBlocked = true }
        return text.withUnsafeBufferPointer { Screener.redacting($0, screener.redactions) }
    }

    private mutating func screen(_ text: [UInt8], _ screener: Screener, _ filter: FilterPolicy) -> Verdict {
        let screening = text.withUnsafeBufferPointer { screener.screen($0, side: .completion, policy: filter) }
        verdict = verdict.combined(with: screening.verdict)
        if findings.count < Self.findingsMax || screening.verdict == .block && !isBlocked {
            findings += screening.findings
        }
        return screening.verdict
    }
}
