/// Finds where matches start: a breadth-first simulation that keeps, for each state, the leftmost start.
///
/// Hyperscan reports ends only. Where it reports one, this walks the pattern's program over the few hundred bytes before
/// it: O(bytes × states), without allocation. Owned by one `Screener`.
final class PatternMatcher {
    private var threads = PatternWalk.Memory(capacity: 256)
    private var generation: UInt64 = 0

    deinit { threads.deallocate() }

    /// Reports the leftmost start for every end in `from...to`, in order of the ends, of matches that start at or after
    /// `from`.
    ///
    /// - Returns: the earliest start of a match that may still go on beyond `to`.
    @discardableResult
    func run(
        _ program: PatternProgram, _ window: Window, from: Int, to: Int, found: (_ start: Int, _ end: Int) -> Void
    ) -> Int? {
        if program.instructions.count > threads.capacity {
            threads.deallocate()
            threads = .init(capacity: program.instructions.count)
        }
        return withExtendedLifetime(program) {
            var walk = PatternWalk(program, window, threads, generation: generation &+ 1)
            let alive = walk.run(from: from, to: to, found)
            generation = walk.generation
            return alive == .max ? nil : alive
        }
    }
}

/// One walk over a text, all in local pointers: the matcher's memory and the program's instructions outlive it.
private struct PatternWalk {
    typealias Thread = (instruction: Int32, start: Int)

    struct Memory {
        let threads: UnsafeMutablePointer<Thread>
        let nextThreads: UnsafeMutablePointer<Thread>
        let marks: UnsafeMutablePointer<UInt64>
        let capacity: Int

        init(capacity: Int) {
            self.capacity = capacity
            threads = .allocate(capacity: capacity)
            nextThreads = .allocate(capacity: capacity)
            marks = .allocate(capacity: capacity)
            marks.initialize(repeating: 0, count: capacity)
        }

        func deallocate() {
            threads.deallocate()
            nextThreads.deallocate()
            marks.deallocate()
        }
    }

    private let instructions: UnsafeMutablePointer<PatternProgram.Instruction>
    private let sets: UnsafeMutablePointer<UInt64>
    private let first: UnsafeMutablePointer<Bool>
    private let start: StartFilter
    private let looksAhead: Bool
    private let window: Window
    private var threads: UnsafeMutablePointer<Thread>
    private var nextThreads: UnsafeMutablePointer<Thread>
    private let marks: UnsafeMutablePointer<UInt64>
    private var count = 0
    private(set) var generation: UInt64
    /// The leftmost start of a match that ends where the threads stand; `.max` without one.
    private var accepted = Int.max
    /// The leftmost start of a match that waits for a byte not known yet.
    private var pending = Int.max

    init(_ program: PatternProgram, _ window: Window, _ memory: Memory, generation: UInt64) {
        // A program has at least one instruction, and sets, since its pattern does not match the empty text.
        instructions = program.instructions.baseAddress.unsafelyUnwrapped
        sets = program.sets.baseAddress.unsafelyUnwrapped
        first = program.firstTable
        start = program.start
        looksAhead = program.looksAhead
        self.window = window
        threads = memory.threads
        nextThreads = memory.nextThreads
        marks = memory.marks
        self.generation = generation
    }

    mutating func run(from: Int, to: Int, _ found: (_ start: Int, _ end: Int) -> Void) -> Int {
        var offset = from
        while true {
            if accepted < offset { found(accepted, offset) }
            guard offset < to else { break }
            if count == 0 {
                // Nothing is under way: on to a byte that may begin something.
                (accepted, pending) = (.max, .max)
                generation &+= 1
                while offset < to, !mayStart(at: offset) { offset &+= 1 }
                guard offset < to else { return .max }
            }
            let byte = window[offset]
            if mayStart(at: offset) { add(0, start: offset, at: offset) }
            step(byte, to: offset &+ 1)
            offset &+= 1
        }
        var alive = pending
        if count > 0 { alive = min(alive, threads[0].start) }
        if looksAhead, to == window.end, !window.isComplete { alive = min(alive, accepted) }
        return alive
    }

    @inline(__always)
    private func mayStart(at offset: Int) -> Bool {
        guard first[Int(window[offset])] else { return false }
        guard start.length > 0, offset &+ start.length <= window.end else { return true }
        return start.passes(window.bytes + (offset &- window.start))
    }

    /// Older threads come first, so the first to reach a state has the leftmost start.
    private mutating func step(_ byte: UInt8, to offset: Int) {
        let oldCount = count
        swap(&threads, &nextThreads)
        count = 0
        generation &+= 1
        (accepted, pending) = (.max, .max)
        for index in 0..<oldCount {
            let thread = nextThreads[index]
            let set = Int(instructions[Int(thread.instruction)].x) &* 4 &+ Int(byte &>> 6)
            if sets[set] & (1 &<< UInt64(byte & 63)) != 0 {
                add(thread.instruction &+ 1, start: thread.start, at: offset)
            }
        }
    }

    /// Follows all that needs no byte.
    private mutating func add(_ instruction: Int32, start: Int, at offset: Int) {
        var instruction = instruction
        while marks[Int(instruction)] != generation {
            marks[Int(instruction)] = generation
            let operation = instructions[Int(instruction)]
            switch operation.operation {
            case .byte:
                threads[count] = (instruction, start)
                count &+= 1
                return
            case .split:
                add(operation.x, start: start, at: offset)
                instruction = operation.y
            case .jump: instruction = operation.x
            case .assertion:
                guard let holds = holds(operation.x, at: offset) else {
                    pending = min(pending, start)
                    return
                }
                guard holds else { return }
                instruction &+= 1
            case .match:
                accepted = min(accepted, start)
                return
            }
        }
    }

    private func holds(_ kind: Int32, at offset: Int) -> Bool? {
        Pattern.Assertion(rawValue: UInt8(truncatingIfNeeded: kind)).map { window.holds($0, at: offset) } ?? false
    }
}
