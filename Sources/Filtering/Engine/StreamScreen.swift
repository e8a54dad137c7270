/// Screens one text that comes in pieces, such as one choice of a streamed answer, and lets out what may leave.
///
/// Text leaves at once, but for a tail that may still become a match to redact or block, and for a match that waits for
/// context words after it. What comes out never depends on how the text was cut.
///
/// Several texts that readers lay end to end go through one screen, with `beginNext` between two. Each is judged by itself
/// and as a part of all, and what is redacted across a seam is marked on both sides.
///
/// Memory: Hyperscan's state (some hundred bytes a view), twice the reach of the widest rule (pattern and context) in
/// each view, and the held tail: a few KB for ASCII; hostile text (32 left-out characters after each visible one) can
/// bring the tail to 128 bytes for each byte held. Once the text has ended, only what was found is left of it.
package final class StreamScreen {
    private let screener: Screener
    let scan: TextScan
    /// Original bytes from `decidedOffset` on.
    private var held: [UInt8] = []
    /// Where the latest redaction of this text ends, as far as it is known.
    private var redactedEnd = -1
    /// Where texts meet behind `decidedOffset`, in order.
    private var seams: [Int] = []
    /// The latest seam before it.
    private var passedSeam = 0

    /// Once true, nothing more comes out.
    package private(set) var isBlocked = false
    private var isFinished = false
    /// Original bytes that were released or redacted so far: their fate is decided.
    package private(set) var decidedOffset = 0
    /// Where it was when the latest call began: what a call lets out in which something blocks has nobody to leave with.
    private var decidedBefore = 0
    /// Original bytes that have left or were redacted.
    package var releasedCount: Int { isBlocked ? decidedBefore : decidedOffset }
    /// Original ranges that were redacted so far and not forgotten, in order; all lie before `decidedOffset`.
    package private(set) var redactions: [Range<Int>] = []

    /// What came out, where it is kept.
    package private(set) var kept: [UInt8] = []
    /// Bytes that were given back.
    private var restored = 0
    /// The text as it came, where that is kept.
    package private(set) var original: [UInt8] = []
    private let uses: Uses

    /// What is done with a text besides.
    package struct Uses {
        /// Keeps what came out for who wants to read it as a whole.
        var keeper: TextKeeper?
        /// Keeps the text as it came.
        var originals: TextKeeper?
        /// What is given back; `nil` for nothing.
        var placeholders: Placeholders?

        package init(keeper: TextKeeper? = nil, originals: TextKeeper? = nil, placeholders: Placeholders? = nil) {
            (self.keeper, self.originals) = (keeper, originals)
            self.placeholders = placeholders?.isEmpty == true ? nil : placeholders
        }
    }

    init(_ screener: Screener, _ scan: TextScan, _ uses: Uses) {
        self.screener = screener
        self.scan = scan
        self.uses = uses
    }

    /// The strictest verdict so far.
    package var verdict: Verdict { scan.log.verdict }
    /// What the classifier said so far. See `Screening.highest` and `Screening.unjudged`.
    package var highest: SIMD8<Double> { scan.log.highest }
    package var unjudged: Unjudged { scan.log.unjudged }
    /// What was found so far, in order of start; offsets count all bytes fed. At most 64 a verdict.
    package var findings: [Finding] { scan.log.findings(scan.policy.rules, scan.side) }
    /// Whether anything was redacted so far in the text of which some is not decided yet, or in the latest.
    package private(set) var hasRedacted = false
    /// The texts of which the rest came out, or was redacted, with the latest call.
    package private(set) var ended: [EndedText] = []

    package struct EndedText {
        /// Where its part of that call's output ends.
        package let outputEnd: Int
        package let isRedacted: Bool
    }
    /// Original bytes that wait for what comes next.
    package var heldCount: Int { held.count }

    /// Scans the next piece and appends to `output` what may leave now, with redactions applied.
    ///
    /// After `finish`, nothing comes out.
    ///
    /// - Precondition: `piece` is valid UTF-8 in whole characters.
    package func feed(_ piece: UnsafeBufferPointer<UInt8>, to output: inout [UInt8]) {
        guard begin() else { return }
        if let originals = uses.originals { original += piece.prefix(originals.room(for: piece)) }
        TextScan.forEachPart(of: piece) { part in
            scan.scan(part, screener.tools)
            settle(part, isComplete: false, &output)
            return !isBlocked
        }
    }

    /// Ends the text, with which the next one may go on. Lets out the rest of it, unless that waits for what comes next.
    ///
    /// - Parameter isSpaced: whether readers may also put a blank between two texts.
    /// - Precondition: it has any bytes.
    package func beginNext(isSpaced: Bool, to output: inout [UInt8]) {
        guard begin() else { return }
        scan.beginNext(isSpaced: isSpaced, screener.tools)
        seams.append(scan.fed)
        settle(UnsafeBufferPointer(start: nil, count: 0), isComplete: false, &output)
    }

    /// Lets out what is held behind the end of a text if it is short: the beginning of a match that others may go on with,
    /// counted with the name that announces it, is too little to tell what it would be. What they go on with is redacted all
    /// the same.
    package func letGo(bytesMax: Int, to output: inout [UInt8]) {
        guard begin() else { return }
        let rules = scan.policy.rules
        let begin = scan.lanes.reduce(scan.fed) { min($0, $1.announced(screener.tools, rules, fed: scan.fed)) }
        guard scan.fed - begin <= bytesMax else { return }
        release(UnsafeBufferPointer(start: nil, count: 0), upTo: scan.fed, isComplete: true, &output)
    }

    /// Lets out what is held, which has waited for long enough. What it becomes is found all the same: it ends the stream,
    /// or what comes of it is taken out.
    package func letGo(to output: inout [UInt8]) { letGo(bytesMax: .max, to: &output) }

    /// Ends the text: lets out the rest.
    package func finish(to output: inout [UInt8]) {
        guard begin() else { return }
        isFinished = true
        scan.finish(screener.tools)
        settle(UnsafeBufferPointer(start: nil, count: 0), isComplete: true, &output)
        end()
    }

    /// Makes ready for a call; `false` where nothing comes out any more.
    private func begin() -> Bool {
        ended.removeAll(keepingCapacity: true)
        guard !isBlocked, !isFinished else { return false }
        decidedBefore = decidedOffset
        screener.tools.prepare(for: scan.policy.rules)
        return true
    }

    /// Lets go of what only more text would need.
    private func end() {
        scan.log.close(upTo: .max, scan.side)
        scan.letGo()
        held = []
    }

    /// Forgets redacted ranges that end at or before `offset`, which would grow as long as the text does.
    package func forgetRedactions(before offset: Int) {
        redactions.removeAll { $0.upperBound <= offset }
    }

    private func settle(_ part: UnsafeBufferPointer<UInt8>, isComplete: Bool, _ output: inout [UInt8]) {
        if let moment = scan.log.firstBlock(scan.side) {
            let limit = blockLimit(moment)
            scan.log.settle(by: moment, scan.side)
            release(part, upTo: limit, isComplete: false, &output)
            isBlocked = true
            return end()
        }
        scan.log.settle(scan.side)
        release(part, upTo: isComplete ? scan.fed : holdLimit, isComplete: isComplete, &output)
        scan.trim()
    }

    /// From where on text must be held back.
    private var holdLimit: Int {
        let rules = scan.policy.rules
        return scan.lanes.reduce(scan.fed) { min($0, $1.hold(screener.tools, rules, fed: scan.fed)) }
    }

    /// What may leave when something blocks at `moment`: what comes before it and was decided then.
    private func blockLimit(_ moment: Int) -> Int {
        let side = scan.side
        var limit = scan.log.blockStart(moment, side) ?? 0
        if let later = scan.log.lowestStart(decidedAfter: moment, side) { limit = min(limit, later) }
        guard moment <= scan.fed else { return limit }
        for lane in scan.lanes { limit = min(limit, lane.hold(at: moment, screener.tools, scan.policy.rules)) }
        return max(limit, decidedOffset)
    }

    // MARK: - Output

    /// - Parameter isComplete: whether the beginning of a placeholder, too, leaves as it is.
    private func release(
        _ part: UnsafeBufferPointer<UInt8>, upTo limit: Int, isComplete: Bool, _ output: inout [UInt8]
    ) {
        if held.isEmpty, limit == scan.fed, !scan.log.hasOpen, uses.placeholders == nil {
            write(part, &output)
            decidedOffset = limit
            return passSeams(&output)
        }
        held.append(contentsOf: part)
        var limit = limit
        if let placeholders = uses.placeholders, !isComplete {
            limit = placeholders.uncut(max(0, limit - decidedOffset), of: held[...]) + decidedOffset
        }
        while let seam = seams.first, seam <= limit {
            release(upTo: seam, &output)
            passSeams(&output)
        }
        release(upTo: limit, &output)
    }

    /// Takes over that a text has ended where everything is decided.
    private func passSeams(_ output: inout [UInt8]) {
        guard seams.first == decidedOffset else { return }
        passedSeam = seams.removeFirst()
        ended.append(EndedText(outputEnd: output.count, isRedacted: hasRedacted))
        hasRedacted = false
        // What goes on behind the seam is marked there again.
        redactedEnd = min(redactedEnd, passedSeam - 1)
    }

    private func release(upTo limit: Int, _ output: inout [UInt8]) {
        guard limit > decidedOffset else { return }
        let start = decidedOffset
        var offset = start
        if scan.log.hasOpen {
            for entry in scan.log.openRedactions(in: start..<limit, scan.side) {
                redact(entry, from: &offset, start: start, limit: limit, &output)
            }
        }
        if offset < limit { writeHeld(offset..<limit, &output) }
        held.removeFirst(limit - start)
        decidedOffset = limit
    }

    /// Appends what came, with what placeholders in it stand for.
    private func writeHeld(_ range: Range<Int>, _ output: inout [UInt8]) {
        let text = held[range.lowerBound - decidedOffset..<range.upperBound - decidedOffset]
        guard let placeholders = uses.placeholders else { return write(text, &output) }
        keep(text)
        var start = text.startIndex
        placeholders.forEach(in: text) { place, original in
            restored += original.count
            guard restored <= Placeholders.restoredBytesMax else { return }
            output += text[start..<place.lowerBound]
            output += original
            start = place.upperBound
            // What else spells the text says something else.
            hasRedacted = true
            redactions.append(place.lowerBound + decidedOffset..<place.upperBound + decidedOffset)
        }
        output += text[start...]
    }

    private func write(_ text: some Collection<UInt8>, _ output: inout [UInt8]) {
        keep(text)
        output.append(contentsOf: text)
    }

    private func keep(_ text: some Collection<UInt8>) {
        if let keeper = uses.keeper, !text.isEmpty, keeper.hasRoom(for: text.count) { kept += text }
    }

    private func redact(
        _ entry: FindingLog.Entry, from offset: inout Int, start: Int, limit: Int, _ output: inout [UInt8]
    ) {
        let range = max(entry.range.lowerBound, passedSeam)..<entry.range.upperBound
        hasRedacted = true
        if range.lowerBound > redactedEnd {
            if offset < range.lowerBound {
                writeHeld(offset..<range.lowerBound, &output)
            }
            write(scan.policy.markers.marker(scan.side.category(of: entry)), &output)
            offset = max(offset, range.lowerBound)
            redactions.append(range.lowerBound..<range.lowerBound)
        } else if redactions.isEmpty {
            // Of this one, the beginning was forgotten.
            redactions.append(start..<start)
        }
        redactedEnd = max(redactedEnd, range.upperBound)
        offset = max(offset, min(range.upperBound, limit))
        if let last = redactions.indices.last {
            let end = max(redactions[last].upperBound, min(redactedEnd, limit))
            redactions[last] = redactions[last].lowerBound..<end
        }
    }
}

/// How much of the texts of one stream is kept, all of them together. One event loop's.
package final class TextKeeper {
    private var bytesLeft: Int
    /// So far.
    package private(set) var bytes = 0
    /// Whether something was not kept, so that what is kept is not all.
    package private(set) var isFull = false

    package init(bytesMax: Int) { bytesLeft = bytesMax }

    /// How much of a piece is kept: whole characters.
    func room(for piece: UnsafeBufferPointer<UInt8>) -> Int {
        var end = isFull ? 0 : min(piece.count, bytesLeft)
        while end > 0, end < piece.count, piece[end] & 0xC0 == 0x80 { end -= 1 }
        isFull = isFull || end < piece.count
        bytesLeft -= end
        bytes += end
        return end
    }

    func hasRoom(for count: Int) -> Bool {
        isFull = isFull || count > bytesLeft
        if !isFull {
            bytesLeft -= count
            bytes += count
        }
        return !isFull
    }
}
