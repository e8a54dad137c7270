/// A pattern as instructions for `PatternMatcher`.
///
/// Immutable after `init`; the pointers are owned and freed here, so it may be shared between threads.
final class PatternProgram: @unchecked Sendable {
    enum Operation: UInt8 {
        /// A byte of set `x`, then the next instruction.
        case byte
        /// Both `x` and `y`.
        case split
        case jump
        /// Assertion `x`, then the next instruction.
        case assertion
        case match
    }

    struct Instruction {
        var operation: Operation
        var x: Int32 = 0
        var y: Int32 = 0
    }

    let instructions: UnsafeMutableBufferPointer<Instruction>
    /// Four words a set.
    let sets: UnsafeMutableBufferPointer<UInt64>
    /// By byte: whether a match may begin with it.
    let firstTable: UnsafeMutablePointer<Bool>
    /// By instruction: whether a match that stands there may still need a byte, or know one.
    let goesOn: UnsafeMutablePointer<Bool>
    let start: StartFilter
    let widthMax: Int
    let widthMin: Int
    let looksAhead: Bool
    static let sizeMax = 16_384

    /// - Precondition: the pattern has a maximal width, and its expanded size is at most `sizeMax`.
    init(_ pattern: Pattern) {
        var builder = Builder()
        builder.add(pattern)
        builder.instructions.append(Instruction(operation: .match))
        instructions = .allocate(capacity: builder.instructions.count)
        _ = instructions.initialize(from: builder.instructions)
        start = StartFilter(pattern.width.min, builder.instructions, builder.sets)
        let words = builder.sets.flatMap { set in (0..<4).map(set.word) }
        sets = .allocate(capacity: words.count)
        _ = sets.initialize(from: words)
        let first = builder.first
        firstTable = .allocate(capacity: 256)
        for byte in 0...255 { (firstTable + byte).initialize(to: first.contains(UInt8(byte))) }
        widthMax = pattern.width.max ?? 0
        widthMin = pattern.width.min
        looksAhead = pattern.looksAhead
        goesOn = .allocate(capacity: instructions.count)
        // Every way leads forward, so what lies behind is known.
        for index in instructions.indices.reversed() {
            let instruction = instructions[index]
            let goesOn = goesOn
            switch instruction.operation {
            case .byte: (goesOn + index).initialize(to: true)
            case .match: (goesOn + index).initialize(to: looksAhead)
            case .jump: (goesOn + index).initialize(to: goesOn[Int(instruction.x)])
            case .split:
                (goesOn + index).initialize(to: goesOn[Int(instruction.x)] || goesOn[Int(instruction.y)])
            case .assertion:
                let assertion = Pattern.Assertion(rawValue: UInt8(instruction.x))
                (goesOn + index).initialize(to: assertion?.looksAhead == true || goesOn[index + 1])
            }
        }
    }

    deinit {
        instructions.deallocate()
        sets.deallocate()
        firstTable.deallocate()
        goesOn.deallocate()
    }

    @inline(__always)
    func set(_ set: Int32, contains byte: UInt8) -> Bool {
        sets[Int(set) &* 4 &+ Int(byte &>> 6)] & (1 &<< UInt64(byte & 63)) != 0
    }

    /// The first instruction from `instruction` on that is no jump.
    func landing(_ instruction: Int32) -> Int32 {
        var instruction = instruction
        while instructions[Int(instruction)].operation == .jump { instruction = instructions[Int(instruction)].x }
        return instruction
    }

    /// Every set of bytes that it tells apart.
    var byteSets: [ByteSet] {
        stride(from: 0, to: sets.count, by: 4).map {
            ByteSet(words: (sets[$0], sets[$0 + 1], sets[$0 + 2], sets[$0 + 3]))
        }
    }
}

private struct Builder {
    var instructions: [PatternProgram.Instruction] = []
    var sets: [ByteSet] = []
    private var setIndex: [ByteSet: Int32] = [:]

    private var here: Int32 { Int32(instructions.count) }

    mutating func add(_ pattern: Pattern) {
        switch pattern {
        case .byte(let set): instructions.append(.init(operation: .byte, x: index(of: set)))
        case .assertion(let kind): instructions.append(.init(operation: .assertion, x: Int32(kind.rawValue)))
        case .sequence(let parts):
            for part in parts { add(part) }
        case .choice(let parts): addChoice(parts)
        case .repeated(let part, let min, let max):
            for _ in 0..<min { add(part) }
            addOptional(part, times: (max ?? min) - min)
        }
    }

    /// split a, next; a …; jump end; next: split b, …
    private mutating func addChoice(_ parts: [Pattern]) {
        var jumps: [Int] = []
        for (index, part) in parts.enumerated() {
            guard index < parts.count - 1 else {
                add(part)
                break
            }
            let split = instructions.count
            instructions.append(.init(operation: .split, x: here + 1))
            add(part)
            jumps.append(instructions.count)
            instructions.append(.init(operation: .jump))
            instructions[split].y = here
        }
        for jump in jumps { instructions[jump].x = here }
    }

    /// split a, end; a; split a, end; a; … end: every exit goes straight to the end.
    private mutating func addOptional(_ part: Pattern, times: Int) {
        var splits: [Int] = []
        for _ in 0..<times {
            splits.append(instructions.count)
            instructions.append(.init(operation: .split, x: here + 1))
            add(part)
        }
        for split in splits { instructions[split].y = here }
    }

    private mutating func index(of set: ByteSet) -> Int32 {
        if let index = setIndex[set] { return index }
        let index = Int32(sets.count)
        sets.append(set)
        setIndex[set] = index
        return index
    }

    /// Every byte that an instruction reachable without a byte takes; assertions are taken to hold.
    var first: ByteSet {
        var result = ByteSet()
        var seen = Set<Int>()
        var stack = [0]
        while let index = stack.popLast() {
            guard seen.insert(index).inserted else { continue }
            let instruction = instructions[index]
            switch instruction.operation {
            case .byte: result = result.union(sets[Int(instruction.x)])
            case .split: stack += [Int(instruction.x), Int(instruction.y)]
            case .jump: stack.append(Int(instruction.x))
            case .assertion: stack.append(index + 1)
            case .match: break
            }
        }
        return result
    }
}
