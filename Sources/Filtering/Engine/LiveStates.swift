/// Which rules may have a match under way, state by state: an automaton over the patterns of all rules that text is held
/// back for, made as texts need it.
///
/// A state is the set of places in the patterns where some match may stand; a byte costs one look-up once its state is
/// known. Ordinary prose visits some hundred states. Where they would take more than `bytesMax`, all are forgotten and
/// made anew. It may say too much; `PatternMatcher` decides. Owned by one `Screener`.
final class LiveStates {
    /// What a text is at, between its bytes.
    struct Position {
        fileprivate var state: Int32
        fileprivate var generation: Int
    }

    private struct State: Hashable {
        /// Instructions to be followed with the next byte: rule × `PatternProgram.sizeMax` + instruction, ascending.
        var items: [Int32]
        var before: Before
    }

    private let programs: [PatternProgram]
    private let held: [Int]
    /// By rule × 256 + byte: whether a match may begin with it.
    private let begins: [Bool]
    /// One more state than fits may be kept; its places are at most the instructions of all patterns.
    private let bytesMax: Int
    private let classes: ByteClasses
    private var states: [State] = []
    private var index: [State: Int32] = [:]
    /// By state: the rules that have a match under way.
    private var alive: [[Int]] = []
    /// By state × class: the next state × 2, + 1 if any rule is alive there; -1 where it is not known yet.
    private var next: [Int32] = []
    /// What all of these take, roughly.
    private(set) var keptBytes = 0
    /// States that were forgotten count from another beginning.
    private var generation = 0
    private var walk: LiveWalk

    /// Of a state without places and look-ups: its entries in the tables, and the heads of its arrays.
    private static let stateBytes = 160

    init(_ held: HeldRules) {
        let rules = held.rules
        bytesMax = held.statesBytesMax
        programs = rules.compiled.map(\.program)
        begins = programs.flatMap { program in (0..<256).map { program.firstTable[$0] } }
        self.held = held.indices
        classes = rules.classes[held.view]
        walk = LiveWalk(capacity: self.held.map { rules.compiled[$0].program.instructions.count }.max() ?? 0)
    }

    /// Where no match that begins before `offset` goes on.
    func position(at offset: Int, _ window: Window) -> Position {
        let before: Before = offset == 0 ? .textStart : offset > window.start ? Before(window[offset - 1]) : .other
        return Position(state: state(State(items: [], before: before)), generation: generation)
    }

    func isKnown(_ position: Position) -> Bool { position.generation == generation }

    /// The rules that have a match under way.
    func alive(_ position: Position) -> [Int] { alive[Int(position.state)] }

    /// Follows the text in `offsets`, from `position` at its beginning.
    ///
    /// - Returns: the last offset behind which no match was under way, if any.
    func follow(_ position: inout Position, _ window: Window, _ offsets: Range<Int>) -> Int? {
        var quiet = -1
        var state = position.state
        let count = classes.count
        for offset in offsets {
            let byte = window[offset]
            var code = next[Int(state) &* count &+ classes[byte]]
            if code < 0 { code = step(state, byte) }
            state = code &>> 1
            if code & 1 == 0 { quiet = offset &+ 1 }
        }
        position = Position(state: state, generation: generation)
        return quiet < 0 ? nil : quiet
    }

    // MARK: - Making states

    private func step(_ number: Int32, _ byte: UInt8) -> Int32 {
        let from = states[Int(number)]
        walk.items.removeAll(keepingCapacity: true)
        var start = from.items.startIndex
        for rule in held {
            let base = Int32(rule * PatternProgram.sizeMax)
            let isAlive = start < from.items.endIndex && from.items[start] < base + Int32(PatternProgram.sizeMax)
            // Most rules neither go on nor begin.
            guard isAlive || begins[rule << 8 | Int(byte)] else { continue }
            walk.begin(programs[rule], base: base, from.before, byte)
            while start < from.items.endIndex, from.items[start] < base + Int32(PatternProgram.sizeMax) {
                walk.advance(from.items[start] - base)
                start += 1
            }
            if begins[rule << 8 | Int(byte)] { walk.advance(0) }
        }
        let before = generation
        let target = state(State(items: walk.sortedItems(), before: Before(byte)))
        let code = target << 1 | (alive[Int(target)].isEmpty ? 0 : 1)
        // Where all were forgotten meanwhile, there is no state to go from.
        if generation == before { next[Int(number) * classes.count + classes[byte]] = code }
        return code
    }

    private func state(_ state: State) -> Int32 {
        if let known = index[state] { return known }
        if keptBytes >= bytesMax { forget() }
        let number = Int32(states.count)
        let rules: [Int] = state.items.reduce(into: []) { rules, item in
            let rule = Int(item) / PatternProgram.sizeMax
            if rules.last != rule { rules.append(rule) }
        }
        states.append(state)
        index[state] = number
        alive.append(rules)
        next.append(contentsOf: repeatElement(-1, count: classes.count))
        keptBytes += Self.stateBytes + 4 * (state.items.count + classes.count) + 8 * rules.count
        return number
    }

    private func forget() {
        generation += 1
        states.removeAll(keepingCapacity: true)
        index.removeAll(keepingCapacity: true)
        alive.removeAll(keepingCapacity: true)
        next.removeAll(keepingCapacity: true)
        keptBytes = 0
    }
}

/// What assertions must know of the byte before.
private enum Before: UInt8 {
    case textStart, newline, word, other

    init(_ byte: UInt8) {
        self = byte == 0x0A ? .newline : ByteSet.word.contains(byte) ? .word : .other
    }
}

/// One step of all matches of one rule, from the places before a byte to those behind it.
private struct LiveWalk: ~Copyable {
    /// Behind the byte; not in order, and some twice.
    var items: [Int32] = []
    private let marks: UnsafeMutablePointer<UInt64>
    private var generation: UInt64 = 0
    private var program: PatternProgram?
    private var base: Int32 = 0
    private var before = Before.other
    private var byte: UInt8 = 0
    private var isWord = false

    init(capacity: Int) {
        marks = .allocate(capacity: max(capacity, 1))
        marks.initialize(repeating: 0, count: max(capacity, 1))
    }

    deinit { marks.deallocate() }

    mutating func begin(_ program: PatternProgram, base: Int32, _ before: Before, _ byte: UInt8) {
        generation &+= 1
        self.program = program
        self.base = base
        self.before = before
        self.byte = byte
        isWord = ByteSet.word.contains(byte)
    }

    mutating func advance(_ instruction: Int32) {
        if let program { advance(instruction, program) }
    }

    private mutating func advance(_ instruction: Int32, _ program: PatternProgram) {
        var instruction = instruction
        while marks[Int(instruction)] != generation {
            marks[Int(instruction)] = generation
            let operation = program.instructions[Int(instruction)]
            switch operation.operation {
            case .byte:
                if program.set(operation.x, contains: byte) {
                    let target = program.landing(instruction &+ 1)
                    if program.goesOn[Int(target)] { items.append(base &+ target) }
                }
                return
            case .split:
                advance(operation.x, program)
                instruction = operation.y
            case .jump: instruction = operation.x
            case .assertion:
                guard holds(operation.x) else { return }
                instruction &+= 1
            case .match: return
            }
        }
    }

    private func holds(_ kind: Int32) -> Bool {
        switch Pattern.Assertion(rawValue: UInt8(truncatingIfNeeded: kind)) {
        case .wordBoundary: (before == .word) != isWord
        case .notWordBoundary: (before == .word) == isWord
        case .lineStart: before == .newline || before == .textStart
        case .textStart: before == .textStart
        case .lineEnd: byte == 0x0A
        case .textEnd, nil: false
        }
    }

    mutating func sortedItems() -> [Int32] {
        items.sort()
        return items.reduce(into: []) { if $0.last != $1 { $0.append($1) } }
    }
}

/// Bytes that no pattern tells apart, by number.
struct ByteClasses: Sendable {
    private let numbers: [UInt8]
    let count: Int

    init(_ sets: some Sequence<ByteSet>) {
        var numbers = [UInt8](repeating: 0, count: 256)
        var count = 1
        for set in Set(sets).union([.word, ByteSet([0x0A])]) {
            let bytes = set.bytes
            var sizes = [Int](repeating: 0, count: 256)
            for number in numbers { sizes[Int(number)] += 1 }
            for byte in bytes { sizes[Int(numbers[Int(byte)])] -= 1 }
            // A class that lies within the set stays whole; of another, what lies within becomes a new one.
            var inside = [UInt8?](repeating: nil, count: 256)
            for byte in bytes {
                let old = Int(numbers[Int(byte)])
                guard sizes[old] > 0 else { continue }
                if inside[old] == nil {
                    inside[old] = UInt8(count)
                    count += 1
                }
                numbers[Int(byte)] = inside[old] ?? 0
            }
        }
        self.numbers = numbers
        self.count = count
    }

    subscript(byte: UInt8) -> Int {
        @inline(__always) get { Int(numbers[Int(byte)]) }
    }
}
