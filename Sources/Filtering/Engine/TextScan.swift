/// One text, or several that readers lay end to end, on the way through both views; what it sees is in `log`.
///
/// A text in which characters hide ASCII is read in three ways from the first of them on: as people see it, as going on
/// with what they hide, and what they hide by itself. So neither a number that hidden characters tear apart nor one that is
/// hidden itself, or in part, goes by.
final class TextScan {
    let policy: FilterPolicy
    let side: PolicySide
    /// One for each view that rules look at, and twice as many more once something hidden came. Near the seam of two texts,
    /// as many again for each other reading.
    private(set) var lanes: [Lane]
    /// Scores the latest text; `nil` where no rule asks for scores.
    private var classifier: ClassifierScan?
    /// Where the latest of the texts begins.
    private var begin = 0
    /// Where the one begins of which encoded stretches are read.
    private var textBegin = 0
    /// Follows what may be encoded in the latest text.
    private var encoded: EncodedScan
    private let decoded: DecodedText
    /// Behind the end of a text: whether readers may put a blank before the next.
    private var seam: Bool?
    private var isRevealing = false
    /// Whether text may be held back; otherwise it is at hand as a whole.
    private let isStreamed: Bool
    var log = FindingLog()
    /// Of several texts that are screened in one go, where those end that have not.
    private var breaks: ArraySlice<TextBreak>
    /// Original bytes so far.
    private(set) var fed = 0

    /// Pieces are scanned in parts of at most so many bytes, which bounds what one part can find.
    static let partBytesMax = 2_048

    /// - Parameters:
    ///   - depth: how many encodings lie around the text.
    ///   - isRotated: whether the innermost is ROT13.
    init(
        _ policy: FilterPolicy, _ side: Side, isStreamed: Bool, breaks: [TextBreak] = [], depth: Int = 0,
        isRotated: Bool = false
    ) {
        decoded = DecodedText(policy: policy, side: policy[side], depth: depth + 1)
        encoded = EncodedScan(depth: depth + 1, isRotated: isRotated)
        self.isStreamed = isStreamed
        self.breaks = breaks[...]
        log.sources = breaks.ofSeveralSources
        self.policy = policy
        self.side = policy[side]
        classifier = self.side.scored?.scan()
        lanes = Rule.View.allCases.compactMap { view in
            guard policy.rules.looks(at: view) else { return nil }
            return Lane(view, policy, side, reveals: false, begin: 0, isStreamed: isStreamed)
        }
    }

    /// Scans a part of at most `partBytesMax` bytes, in whole characters.
    func scan(_ part: UnsafeBufferPointer<UInt8>, _ tools: ScanTools) {
        if let seam { beginReadings(isSpaced: seam) }
        let original = fed
        fed += part.count
        if UTF8Decoding.isPlain(part) {
            for lane in lanes { lane.append(plain: part, original: original) }
        } else {
            append(part, original: original, tools)
        }
        tools.hits.prepare(for: side.isActive, policy, side.side)
        for lane in lanes { lane.scan(tools, policy.rules, isComplete: false, fed: fed, &log) }
        if let scored = side.scored {
            classifier?.take(part, original: original, tools.folded) { scored.log($0, in: &log, side) }
        }
        encoded.take(part, original: original) { decoded.log($0, in: &log, tools) }
    }

    /// Ends the text of which encoded stretches are read and scores are given; the next begins at an offset of the original.
    private func endText(next: Int?, _ tools: ScanTools) {
        encoded.finish(at: fed) { decoded.log($0, in: &log, tools) }
        if encoded.takeExcess() { log.note(.encoded, in: textBegin..<fed, side) }
        textBegin = next ?? fed
        endScored(next: next)
    }

    /// Ends the text that is scored; the next begins at an offset of the original.
    private func endScored(next: Int?) {
        guard let scored = side.scored else { return }
        classifier?.finish { scored.log($0, in: &log, side) }
        classifier = next.map(scored.scan(begin:))
    }

    private func append(_ part: UnsafeBufferPointer<UInt8>, original: Int, _ tools: ScanTools) {
        let mayHide = !isRevealing && part.contains(HiddenASCII.lead)
        let before = mayHide ? joined.map { Lane(copying: $0, as: .joined, reveals: true) } : []
        var hidden: Int?
        for lane in lanes { hidden = lane.append(part, original: original, tools.map(lane.view)) }
        guard let hidden, !isRevealing else { return }
        isRevealing = true
        let rest = UnsafeBufferPointer(rebasing: part[hidden...])
        // What they hide may begin with the first of them, however the text before it is read, or go on with that.
        for going in before {
            let lane = Lane(
                going.view, policy, side.side, reveals: true, begin: original + hidden, isStreamed: isStreamed)
            _ = lane.append(rest, original: original + hidden, tools.map(lane.view))
            _ = going.append(part, original: original, tools.map(lane.view))
            lanes += [lane, going]
        }
    }

    /// Ends one of several texts that readers lay end to end: scans what only its end decides. What comes next is read both
    /// by itself and as going on with all before.
    ///
    /// Beyond the reach of the rules both readings see the same, so that only one is left there.
    ///
    /// - Parameter isSpaced: whether readers may also put a blank between two.
    func beginNext(isSpaced: Bool, _ tools: ScanTools) {
        guard fed > begin else { return }
        begin = fed
        endText(next: fed, tools)
        tools.hits.prepare(for: side.isActive, policy, side.side)
        let alone = lanes.filter { $0.reading == .alone }
        let ending = alone.isEmpty ? joined.map { Lane(copying: $0, as: .alone) } : alone
        for lane in ending { lane.scan(tools, policy.rules, isComplete: true, fed: fed, &log) }
        lanes.removeAll { $0.reading == .alone }
        seam = isSpaced
    }

    /// Reads what comes next in every way. Not before it comes, since mostly nothing does.
    private func beginReadings(isSpaced: Bool) {
        seam = nil
        if isSpaced {
            if !lanes.contains(where: { $0.reading == .spaced }) {
                lanes += joined.map { Lane(copying: $0, as: .spaced) }
            }
            for lane in lanes where lane.reading == .spaced { lane.appendBlank(original: fed) }
        }
        lanes += joined.map {
            Lane($0.view, policy, side.side, .alone, reveals: $0.reveals, begin: fed, isStreamed: isStreamed)
        }
    }

    private var joined: [Lane] { lanes.filter { $0.reading == .joined } }

    /// Scans what only the end of the text decides.
    func finish(_ tools: ScanTools) {
        endText(next: nil, tools)
        tools.hits.prepare(for: side.isActive, policy, side.side)
        for lane in lanes { lane.scan(tools, policy.rules, isComplete: true, fed: fed, &log) }
    }

    /// Makes final what can be; to be called after `log.settle`.
    func trim() {
        if begin > 0, seam == nil, lanes.allSatisfy({ $0.reading != .alone || $0.isFarFromBegin }) {
            lanes.removeAll { $0.reading != .joined }
        }
        if log.hasOpen {
            let settled = lanes.map(\.settled).min() ?? fed
            // What touches another one that ended is one with it.
            log.close(upTo: min(settled, (classifier?.settled ?? fed) - 1, encoded.settled(fed: fed) - 1), side)
        }
        for lane in lanes { lane.trim() }
    }

    /// Lets go of the text, of which no more comes; what was seen stays.
    func letGo() { (lanes, classifier) = ([], nil) }

    /// The parts of a piece: at most `partBytesMax` bytes each, cut between characters.
    static func forEachPart(of piece: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Bool) {
        var start = 0
        while start < piece.count {
            let part = part(of: piece, from: start)
            guard body(part) else { return }
            start += part.count
        }
    }

    /// The next part of a piece of which `start` bytes were taken.
    static func part(of piece: UnsafeBufferPointer<UInt8>, from start: Int) -> UnsafeBufferPointer<UInt8> {
        var end = min(start + partBytesMax, piece.count)
        while end < piece.count, end > start + 1, piece[end] & 0xC0 == 0x80 { end -= 1 }
        return UnsafeBufferPointer(rebasing: piece[start..<end])
    }

    /// Scans a text that is at hand as a whole, from where it was scanned so far up to `end` or just behind, and not beyond
    /// the end of so many of its texts.
    func take(_ text: UnsafeBufferPointer<UInt8>, upTo end: Int, textsMax: Int = .max, _ tools: ScanTools) {
        var texts = 0
        while fed < end, texts < textsMax {
            if let next = breaks.first, next.end == fed {
                endText(next, UnsafeBufferPointer(rebasing: text[fed...fed]), tools)
                texts += 1
            } else {
                let textEnd = breaks.first?.end ?? text.count
                scan(Self.part(of: UnsafeBufferPointer(rebasing: text[..<textEnd]), from: fed), tools)
            }
            log.settle(side)
            trim()
        }
    }

    private func endText(_ next: TextBreak, _ separator: UnsafeBufferPointer<UInt8>, _ tools: ScanTools) {
        breaks.removeFirst()
        endText(next: fed + separator.count, tools)
        for lane in lanes { lane.append(plain: separator, original: fed) }
        fed += separator.count
        tools.hits.prepare(for: side.isActive, policy, side.side)
        for lane in lanes { lane.endText(tools, policy.rules, endsSection: next.endsSection, fed: fed, &log) }
        // What is hidden in the next text begins there, but for the words of context that what was found here waits for.
        lanes.removeAll { $0.reveals && !$0.isWaiting }
        isRevealing = lanes.contains(where: \.reveals)
    }
}
