/// Texts that aren't plain ASCII, at hand as a whole: each view is written out, and searched like a text of ASCII.
extension Screener {
    /// Whether it does for a text. What hides ASCII is read in several ways: see `TextScan`.
    static func canScreenViews(of text: UnsafeBufferPointer<UInt8>) -> Bool {
        // No branches within, so that many bytes are taken at a time.
        var least: UInt8 = 0xFF
        for byte in text { least = min(least, byte ^ HiddenASCII.lead) }
        return least != 0
    }

    func screenViews(
        of text: UnsafeBufferPointer<UInt8>, _ breaks: [TextBreak], _ side: PolicySide, _ policy: FilterPolicy
    ) -> FindingLog {
        var log = begin(text, breaks, side, policy, hasLongRun: LongRun.isFound(in: text))
        for view in Rule.View.allCases {
            guard let search = policy.rules.whole[view] else { continue }
            var seen = ViewText(view)
            let seenBreaks = write(text, breaks, to: &seen)
            seen.withWindow(isComplete: true) { window in
                let bytes = UnsafeBufferPointer(start: window.bytes, count: window.end)
                tools.words.begin(policy.rules.words)
                tools.words.look(in: bytes, for: policy.rules.words, barIsLetter: view == .skeleton)
                search.run(
                    over: window, passing: view == .normalised ? SearchGate.passed(by: bytes) : SearchGate.Set(),
                    hasLongRun: LongRun.isFound(in: bytes), with: tools)
                resolve(window, seenBreaks, policy) { match in
                    let start = seen.original(startingAt: match.range.lowerBound) ?? 0
                    log.add(
                        .init(
                            rule: match.rule, range: start..<seen.original(endingAt: match.range.upperBound),
                            decided: text.count))
                }
            }
        }
        return log
    }

    /// - Returns: where each of several texts ends in the view.
    private func write(
        _ text: UnsafeBufferPointer<UInt8>, _ breaks: [TextBreak], to seen: inout ViewText
    ) -> [TextBreak] {
        var start = 0
        func write(upTo end: Int, _ seen: inout ViewText) {
            let part = UnsafeBufferPointer(rebasing: text[start..<end])
            seen.append(part, original: start, tools.map(seen.view), reveals: false)
        }
        let seenBreaks = breaks.map { next in
            write(upTo: next.end, &seen)
            start = next.end + TextBreak.separatorCount
            let seenBreak = TextBreak(end: seen.end, endsSection: next.endsSection)
            if start <= text.count {
                seen.append(same: UnsafeBufferPointer(rebasing: text[next.end..<start]), original: next.end)
            }
            return seenBreak
        }
        if start < text.count { write(upTo: text.count, &seen) }
        return seenBreaks
    }
}
