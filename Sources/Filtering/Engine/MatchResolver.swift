/// What one view of a text still waits for.
struct Waiting {
    var rule: Int
    /// In the view.
    var range: Range<Int>
    /// By when the match itself is known.
    var decided: Int
}

/// A match that stands, in offsets of the view.
struct Sighting {
    var rule: Int
    var range: Range<Int>
    /// The offset by which a reader of the view could know.
    var decided: Int
}

/// Turns the ends that Hyperscan reported into matches: finds the start, asks the check, looks for context words.
struct MatchResolver {
    let rules: FilterRules
    let exceptions: RuleExceptions
    let matcher: PatternMatcher
    /// By rule: whether text is held back for its matches; `nil` for texts at hand as a whole.
    let holds: [Bool]?

    /// Resolves the ends in several texts at hand as a whole.
    func resolve(_ runs: [HitRuns.Run], _ window: Window, _ breaks: [TextBreak], found: (Sighting) -> Void) {
        var waiting: [Waiting] = []
        var lapsed: [(start: Int, decided: Int)] = []
        guard !breaks.isEmpty else {
            return resolve(runs, window, around: window, waiting: &waiting, lapsed: &lapsed, found: found)
        }
        for run in runs {
            var index = breaks.partitionPoint { $0.end < run.first }
            let rule = rules.compiled[run.rule]
            while index < breaks.count, breaks.begin(of: index) < run.last {
                defer { index += 1 }
                // A run goes over many texts, most of which can be too short.
                guard breaks[index].end - breaks.begin(of: index) >= rule.program.widthMin else { continue }
                let text = breaks.text(index, of: window)
                let part = HitRuns.within(text, [run])
                guard !part.isEmpty else { continue }
                let around = rule.context.isEmpty ? text : breaks.surroundings(of: index, in: window)
                resolve(part, text, around: around, waiting: &waiting, lapsed: &lapsed, found: found)
            }
        }
    }

    /// - Parameters:
    ///   - window: the text in which matches stand.
    ///   - around: what their words of context may stand in.
    ///   - waiting: matches whose context words may still come; taken up again with the next piece.
    ///   - lapsed: where a match begins for which text was held back until its context did not come, and when that was.
    func resolve(
        _ runs: [HitRuns.Run], _ window: Window, around: Window, waiting: inout [Waiting],
        lapsed: inout [(start: Int, decided: Int)], found: (Sighting) -> Void
    ) {
        if !waiting.isEmpty {
            let before = waiting
            waiting.removeAll(keepingCapacity: true)
            for match in before { lookAfter(match, around, &waiting, &lapsed, found) }
        }
        for run in runs {
            let rule = rules.compiled[run.rule]
            let first = firstEndThatMatters(rule, run, around)
            guard first <= run.last else { continue }
            let from = max(window.first, first - rule.program.widthMax)
            var value: GrowingValue?
            matcher.run(rule.program, window, from: from, to: run.last) { start, end in
                guard end >= first, let match = confirmed(rule, start..<end, window, &value) else { return }
                look(match, from: start, around, &waiting, &lapsed, found)
            }
        }
    }

    /// Where the first match of a run may end that matters: text full of numbers has many that would ask for a word of
    /// context, and no such word. Then only those matter behind which one may still come.
    private func firstEndThatMatters(_ rule: CompiledRule, _ run: HitRuns.Run, _ window: Window) -> Int {
        guard !rule.context.isEmpty, !isHeld(rule.index) else { return run.first }
        let start = max(run.first - rule.program.widthMax - rule.contextBytes, window.first)
        let end = rule.waitsForContext ? min(run.last + rule.contextBytes, window.end) : run.last
        if rule.context.firstEnd(in: start..<end, window) != nil { return run.first }
        return window.isComplete || !rule.waitsForContext
            ? run.last + 1 : max(run.first, window.end - rule.contextBytes + 1)
    }

    private func isHeld(_ rule: Int) -> Bool { holds.map { $0[rule] } ?? false }

    /// The value of the last candidate of a run, and where that candidate begins.
    private typealias GrowingValue = (start: Int, value: SecretValue)

    private func confirmed(
        _ rule: CompiledRule, _ candidate: Range<Int>, _ window: Window, _ value: inout GrowingValue?
    ) -> Waiting? {
        var range = candidate
        if let check = rule.check {
            let part =
                check.secretPlace.map { confirmed(check, $0, candidate, window, &value) }
                ?? check.confirm(window[candidate])
            guard let part, !part.isEmpty, part.upperBound <= candidate.count else { return nil }
            if check.secretPlace == .key, SecretValue.isOfHarmlessToken(window, at: candidate.lowerBound) { return nil }
            range = candidate.lowerBound + part.lowerBound..<candidate.lowerBound + part.upperBound
        }
        if !exceptions.isEmpty, exceptions.hold(rule.index, range, window) { return nil }
        let decided = candidate.upperBound + (rule.program.looksAhead ? 1 : 0)
        return Waiting(rule: rule.index, range: range, decided: decided)
    }

    private func confirmed(
        _ check: Check, _ place: SecretValue.Place, _ candidate: Range<Int>, _ window: Window,
        _ last: inout GrowingValue?
    ) -> Range<Int>? {
        let bytes = window[candidate].span
        if last?.start == candidate.lowerBound {
            last?.value.follow(bytes)
        } else {
            last = (candidate.lowerBound, SecretValue(bytes, in: place))
        }
        return last.flatMap { $0.value.confirms(check, bytes) ? $0.value.range : nil }
    }

    /// - Parameter candidate: where the match began before its check took off what doesn't belong to it. Words that must come
    ///   before are looked for before that, since a stream decides there whether to hold it back.
    private func look(
        _ match: Waiting, from candidate: Int, _ window: Window, _ waiting: inout [Waiting],
        _ lapsed: inout [(start: Int, decided: Int)], _ found: (Sighting) -> Void
    ) {
        let rule = rules.compiled[match.rule]
        let start = rule.waitsForContext ? match.range.lowerBound : candidate
        if rule.context.isEmpty || rule.hasContext(before: start, window) {
            found(Sighting(rule: match.rule, range: match.range, decided: match.decided))
        } else if rule.waitsForContext,
            waiting.last.map({ $0.rule == match.rule && $0.range == match.range }) != true
        {
            lookAfter(match, window, &waiting, &lapsed, found)
        }
    }

    private func lookAfter(
        _ match: Waiting, _ window: Window, _ waiting: inout [Waiting], _ lapsed: inout [(start: Int, decided: Int)],
        _ found: (Sighting) -> Void
    ) {
        let rule = rules.compiled[match.rule]
        let limit = match.range.upperBound + rule.contextBytes
        if let end = rule.context.firstEnd(in: match.range.upperBound..<min(limit, window.end), window) {
            found(Sighting(rule: match.rule, range: match.range, decided: max(end, match.decided)))
        } else if window.end < limit, !window.isComplete {
            waiting.append(match)
        } else if isHeld(match.rule) {
            lapsed.append((match.range.lowerBound, max(limit, match.decided)))
        }
    }
}
