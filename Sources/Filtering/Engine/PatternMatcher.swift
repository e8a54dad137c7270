/// Finds where matches start: a breadth-first simulation that keeps, for each state, the leftmost start.
///
/// Hyperscan reports ends only. Where it reports one, this walks the pattern's program over the few hundred bytes before
/// it: O(bytes × states), without allocation. Owned by one `Screener`.
final class PatternMatcher {
    private typealias Thread = (instruction: Int32, start: Int)

    private var threads: UnsafeMutablePointer<Thread>
    private var nextThreads: UnsafeMutablePointer<Thread>
    private var marks: UnsafeMutablePointer<UInt64>
    private var count = 0
    private var generation: UInt64 = 0
    private var capacity: Int
    /// The leftmost start of a match that ends where the threads stand.
    private var accepted: Int?
    /// The leftmost start of a match that waits for a byte not known yet.
    private var pending: Int?

    init() {
        capacity = 256
        threads = .allocate(capacity: capacity)
        nextThreads = .allocate(capacity: capacity)
        marks = .allocate(capacity: capacity)
        marks.initialize(repeating: 0, count: capacity)
    }

    deinit {
        threads.deallocate()
        nextThreads.deallocate()
        marks.deallocate()
    }

    /// Reports the leftmost start for every end in `from...to`, in order of the ends, of matches that start at or after
    /// `from`.
    ///
    /// - Returns: the earliest start of a match that may still go on beyond `to`.
    @discardableResult
    func run(
        _ program: PatternProgram, _ window: Window, from: Int, to: Int, found: (_ start: Int, _ end: Int) -> Void
    ) -> Int? {
        prepare(for: program)
        var offset = from
        while true {
            if let start = accepted, start < offset { found(start, offset) }
            guard offset < to else { break }
            let byte = window[offset]
            if program.first.contains(byte) {
                add(0, start: offset, at: offset, program, window)
            } else if count == 0 {
                offset += 1
                generation &+= 1
                (accepted, pending) = (nil, nil)
                continue
            }
            step(byte, to: offset + 1, program, window)
            offset += 1
        }
        var alive = pending
        if count > 0 { alive = min(alive ?? .max, threads[0].start) }
        if program.looksAhead, to == window.end, !window.isComplete, let accepted {
            alive = min(alive ?? .max, accepted)
        }
        return alive
    }

    private func prepare(for program: PatternProgram) {
        let size = program.instructions.count
        if size > capacity {
            threads.deallocate()
            nextThreads.deallocate()
            marks.deallocate()
            capacity = size
            threads = .allocate(capacity: capacity)
            nextThreads = .allocate(capacity: capacity)
            marks = .allocate(capacity: capacity)
            marks.initialize(repeating: 0, count: capacity)
        }
        count = 0
        generation &+= 1
        (accepted, pending) = (nil, nil)
    }

    /// Older threads come first, so the first to reach a state has the leftmost start.
    private func step(_ byte: UInt8, to offset: Int, _ program: PatternProgram, _ window: Window) {
        let oldCount = count
        swap(&threads, &nextThreads)
        count = 0
        generation &+= 1
        (accepted, pending) = (nil, nil)
        for index in 0..<oldCount {
            let thread = nextThreads[index]
            if program.set(program.instructions[Int(thread.instruction)].x, contains: byte) {
                add(thread.instruction + 1, start: thread.start, at: offset, program, window)
            }
        }
    }

    /// Follows all that needs no byte.
    private func add(_ instruction: Int32, start: Int, at offset: Int, _ program: PatternProgram, _ window: Window) {
        var instruction = instruction
        while marks[Int(instruction)] != generation {
            marks[Int(instruction)] = generation
            let operation = program.instructions[Int(instruction)]
            switch operation.operation {
            case .byte:
                threads[count] = (instruction, start)
                count += 1
                return
            case .split:
                add(operation.x, start: start, at: offset, program, window)
                instruction = operation.y
            case .jump: instruction = operation.x
            case .assertion:
                let holds =
                    Pattern.Assertion(rawValue: UInt8(operation.x)).map { window.holds($0, at: offset) } ?? false
                guard let holds else {
                    pending = min(pending ?? .max, start)
                    return
                }
                guard holds else { return }
                instruction += 1
            case .match:
                accepted = min(accepted ?? .max, start)
                return
            }
        }
    }
}
