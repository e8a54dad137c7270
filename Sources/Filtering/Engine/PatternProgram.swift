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
    let widthMax: Int
    let looksAhead: Bool
    static let sizeMax = 16_384

    /// - Precondition: the pattern has a maximal width, and its expanded size is at most `sizeMax`.
    init(_ pattern: Pattern) {
        var builder = Builder()
        builder.add(pattern)
        builder.instructions.append(Instruction(operation: .match))
        instructions = .allocate(capacity: builder.instructions.count)
        _ = instructions.initialize(from: builder.instructions)
        let words = builder.sets.flatMap { set in (0..<4).map { set.words[$0] } }
        sets = .allocate(capacity: words.count)
        _ = sets.initialize(from: words)
        let first = builder.first
        firstTable = .allocate(capacity: 256)
        for byte in 0...255 { (firstTable + byte).initialize(to: first.contains(UInt8(byte))) }
        widthMax = pattern.width.max ?? 0
        looksAhead = pattern.looksAhead
    }

    deinit {
        instructions.deallocate()
        sets.deallocate()
        firstTable.deallocate()
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
