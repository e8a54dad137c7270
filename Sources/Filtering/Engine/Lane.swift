/// One view of a streamed text: its last bytes, Hyperscan's state, and what may still become a match.
final class Lane {
    /// What it takes for one text, where several stand one after the other.
    enum Reading {
        /// All of them, laid end to end.
        case joined
        /// The same with a blank between two.
        case spaced
        /// The latest by itself.
        case alone
    }

    let view: Rule.View
    let reading: Reading
    /// Whether characters that hide ASCII are read as what they hide.
    let reveals: Bool
    /// The original offset where it begins.
    private let begin: Int
    private let isStreamed: Bool
    private(set) var text: ViewText
    /// `nil` where all rules are found by length.
    private let stream: HyperscanStream?
    /// Whether any rule of this view redacts or blocks.
    private let isHolding: Bool
    /// Which rules have a match under way at `followed`; both are made when they are first asked for.
    private var live: LiveStates.Position?
    private var states: LiveStates?
    private var followed = 0
    private let policy: FilterPolicy
    private let side: PolicySide
    /// No match that begins before this offset can still grow.
    private var floor = 0
    private var waiting: [Waiting] = []
    private var lapsed: [(start: Int, decided: Int)] = []
    /// Where bytes that were scanned end.
    private var scanned = 0
    /// Rules that see ahead, and whose match ended exactly where the text did so far.
    private var deferred: [Int] = []
    /// Of several texts that are screened in one go, where the latest begins, and where its section does.
    private var textStart = 0
    private var sectionStart = 0

    init(
        _ view: Rule.View, _ policy: FilterPolicy, _ side: Side, _ reading: Reading = .joined, reveals: Bool,
        begin: Int, isStreamed: Bool
    ) {
        self.view = view
        self.reading = reading
        self.reveals = reveals
        self.begin = begin
        self.isStreamed = isStreamed
        text = ViewText(view)
        stream = policy.rules.streamed[view].map { HyperscanStream($0) }
        self.policy = policy
        self.side = policy[side]
        isHolding = !policy[side].held[view].indices.isEmpty
    }

    /// Goes on from where another one is, which goes on by itself.
    init(copying other: Lane, as reading: Reading, reveals: Bool? = nil) {
        view = other.view
        self.reading = reading
        self.reveals = reveals ?? other.reveals
        begin = other.begin
        isStreamed = other.isStreamed
        text = other.text
        stream = other.stream.map(HyperscanStream.init(copying:))
        isHolding = other.isHolding
        live = other.live
        states = other.states
        followed = other.followed
        policy = other.policy
        side = other.side
        floor = other.floor
        waiting = other.waiting
        lapsed = other.lapsed
        scanned = other.scanned
        deferred = other.deferred
        textStart = other.textStart
        sectionStart = other.sectionStart
    }

    /// Whether matches want words of context that may still come.
    var isWaiting: Bool { !waiting.isEmpty }

    /// Appends a blank that the original does not have.
    func appendBlank(original: Int) { text.appendBlank(original: original) }

    /// Appends plain ASCII.
    func append(plain piece: UnsafeBufferPointer<UInt8>, original: Int) {
        lapsed.removeAll(keepingCapacity: true)
        text.append(same: piece, original: original)
    }

    /// Appends whole characters.
    ///
    /// - Returns: where the first one stands that hides ASCII.
    func append(_ piece: UnsafeBufferPointer<UInt8>, original: Int, _ map: CodePointView) -> Int? {
        lapsed.removeAll(keepingCapacity: true)
        return text.append(piece, original: original, map, reveals: reveals)
    }

    /// Scans what was appended and logs matches in original offsets.
    func scan(_ tools: ScanTools, _ rules: FilterRules, isComplete: Bool, fed: Int, _ log: inout FindingLog) {
        text.withWindow(isComplete: isComplete) { window in
            search(window, tools, rules)
            if isComplete { stream?.close(tools.scratch, tools.hits) }
            resolve(window.begun(at: textStart), around: window.begun(at: sectionStart), tools, rules, fed, &log)
        }
    }

    /// Ends one of several texts that are screened in one go; its separator was appended.
    func endText(_ tools: ScanTools, _ rules: FilterRules, endsSection: Bool, fed: Int, _ log: inout FindingLog) {
        text.withWindow(isComplete: false) { window in
            search(window, tools, rules)
            let end = window.end - 1
            let section = window.begun(at: sectionStart)
            let around = endsSection ? section.ended(at: end) : section
            resolve(window.begun(at: textStart).ended(at: end), around: around, tools, rules, fed, &log)
        }
        textStart = text.end
        if endsSection { sectionStart = text.end }
    }

    /// Searches what was appended.
    private func search(_ window: Window, _ tools: ScanTools, _ rules: FilterRules) {
        let hits = tools.hits
        for rule in deferred { hits.add(rule, end: scanned) }
        deferred.removeAll(keepingCapacity: true)
        if window.end > scanned {
            stream?.scan(window[scanned..<window.end], tools.scratch, hits)
            if let runs = rules.runs[view] { hits.add(runs, window, after: scanned) }
        }
        scanned = window.end
    }

    private func resolve(
        _ window: Window, around: Window, _ tools: ScanTools, _ rules: FilterRules, _ fed: Int, _ log: inout FindingLog
    ) {
        let hits = tools.hits
        guard !hits.runs.isEmpty || !waiting.isEmpty else { return }
        if log.hasEnough { dropSurplus(hits, log) }
        let resolver = MatchResolver(
            rules: rules, exceptions: policy.exceptions, matcher: tools.matcher, holds: isStreamed ? side.holds : nil)
        let runs = runs(hits, rules, window)
        resolver.resolve(runs, window, around: around, waiting: &waiting, lapsed: &lapsed) { match in
            log.add(entry(match, fed: fed))
        }
        hits.removeAll()
    }

    /// Leaves alone what would add nothing to the log, so that text full of findings doesn't hold the event loop.
    private func dropSurplus(_ hits: HitRuns, _ log: FindingLog) {
        hits.drop { side.verdicts(of: $0).allSatisfy(log.hasEnough) }
        waiting.removeAll { side.verdicts(of: $0.rule).allSatisfy(log.hasEnough) }
    }

    /// Leaves out ends that a rule which looks ahead has exactly at the end of what is known: they come again.
    private func runs(_ hits: HitRuns, _ rules: FilterRules, _ window: Window) -> [HitRuns.Run] {
        var runs = HitRuns.within(window, hits.runs)
        if window.isComplete { return runs }
        for index in runs.indices
        where runs[index].last == window.end && rules.compiled[runs[index].rule].program.looksAhead {
            deferred.append(runs[index].rule)
            runs[index].last -= 1
        }
        runs.removeAll { $0.last < $0.first }
        return runs
    }

    private func entry(_ match: Sighting, fed: Int) -> FindingLog.Entry {
        let start = text.original(startingAt: match.range.lowerBound) ?? 0
        let end = text.original(endingAt: match.range.upperBound)
        let decided = match.decided > text.end ? fed + 1 : text.original(endingAt: match.decided)
        return FindingLog.Entry(rule: match.rule, range: start..<end, decided: decided)
    }

    // MARK: - Holding back

    /// The original offset from which on text must be held back; `fed` if none must.
    func hold(_ tools: ScanTools, _ rules: FilterRules, fed: Int) -> Int {
        guard isHolding else { return fed }
        let live = matchesUnderWay(tools, rules)
        floor = live.begin
        return original(heldFrom: live.held) ?? fed
    }

    /// The same, counted from where something begins to tell what it will be, such as the name of a value.
    func announced(_ tools: ScanTools, _ rules: FilterRules, fed: Int) -> Int {
        guard isHolding else { return fed }
        return original(heldFrom: matchesUnderWay(tools, rules).announced) ?? fed
    }

    private func original(heldFrom offset: Int) -> Int? {
        var held = offset
        for match in waiting where side.holds[match.rule] { held = min(held, match.range.lowerBound) }
        return held < text.end ? text.original(startingAt: held) : nil
    }

    /// What `hold` was when the original had `moment` bytes: used once, when something blocks.
    func hold(at moment: Int, _ tools: ScanTools, _ rules: FilterRules) -> Int {
        guard isHolding else { return moment }
        let offset = min(text.viewOffset(ofOriginal: moment), text.end)
        var held = offset
        if floor < offset {
            let alive = side.held[view].indices
            text.withWindow(isComplete: false) { held = matches(of: alive, $0.cut(at: offset), tools, rules).held }
        }
        for match in waiting where side.holds[match.rule] && match.decided <= offset {
            held = min(held, match.range.lowerBound)
        }
        for match in lapsed where match.decided > offset { held = min(held, match.start) }
        return held < offset ? text.original(startingAt: held) ?? moment : moment
    }

    /// Of the matches under way at the text's end, each in its own right, the first; the end if there are none.
    private struct UnderWay {
        /// Where a match begins.
        var begin: Int
        /// Where the finding can begin that a match becomes.
        var held: Int
        /// Where one begins to tell what it will be.
        var announced: Int

        init(noneAt end: Int) { (begin, held, announced) = (end, end, end) }
    }

    private func matchesUnderWay(_ tools: ScanTools, _ rules: FilterRules) -> UnderWay {
        let states = states ?? tools.states(of: side.held[view])
        self.states = states
        return text.withWindow(isComplete: false) { window in
            if live.map(states.isKnown) != true {
                live = states.position(at: floor, window)
                followed = floor
            }
            guard var position = live else { return UnderWay(noneAt: floor) }
            // Nothing was under way there, so whatever is now began later.
            if let quiet = states.follow(&position, window, followed..<window.end) { floor = quiet }
            live = position
            followed = window.end
            guard floor < window.end else { return UnderWay(noneAt: window.end) }
            return matches(of: states.alive(position), window, tools, rules)
        }
    }

    private func matches(of alive: [Int], _ window: Window, _ tools: ScanTools, _ rules: FilterRules) -> UnderWay {
        var first = UnderWay(noneAt: window.end)
        for rule in alive.lazy.map({ rules.compiled[$0] }) {
            guard let begin = begin(of: rule, window, tools) else { continue }
            let held = rule.findingBegin(from: begin, window)
            first.begin = min(first.begin, begin)
            first.held = min(first.held, held)
            first.announced = min(first.announced, rule.isAssignment ? begin : held)
        }
        return first
    }

    private func begin(of rule: CompiledRule, _ window: Window, _ tools: ScanTools) -> Int? {
        var from = floor
        while let start = tools.matcher.run(rule.program, window, from: from, to: window.end, found: { _, _ in }) {
            let isPossible = rule.context.isEmpty || rule.waitsForContext || rule.hasContext(before: start, window)
            guard !isPossible else { return start }
            // One that begins later may have its context in what this one has taken in.
            let near = max(start - rule.contextBytes, window.start, 0)..<window.end
            guard let wordEnd = rule.context.firstEnd(in: near, window) else { return nil }
            from = wordEnd
        }
        return nil
    }

    /// The original offset before which everything is final.
    var settled: Int {
        let reach = side.reachBytes
        return text.end > reach ? text.original(startingAt: text.end - reach) ?? begin : begin
    }

    /// Whether no rule that looks at what comes next can see what stood before this text.
    var isFarFromBegin: Bool { text.end > side.reachBytes + 1 }

    /// Forgets text that no rule can look at any more.
    func trim() {
        text.trim(to: side.reachBytes + 1)
    }
}
