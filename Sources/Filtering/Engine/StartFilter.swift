/// Which two or three bytes a match may begin with, roughly: most places of a text need no closer look.
///
/// 4096 bits by a hash of the bytes; may say yes wrongly, never no. Immutable, so it may be shared between threads.
final class StartFilter: @unchecked Sendable {
    /// How many bytes it looks at; 0 where it would let nearly all through.
    let length: Int
    private let bits: UnsafeMutablePointer<UInt64>

    private static let beginningsMax = 4_096
    /// Splits within splits can be passed in more ways than anyone could go.
    private static let placesMax = 65_536

    init(_ widthMin: Int, _ instructions: [PatternProgram.Instruction], _ sets: [ByteSet]) {
        bits = .allocate(capacity: 64)
        bits.initialize(repeating: 0, count: 64)
        let lengths = [3, 2].filter { $0 <= widthMin }
        for length in lengths {
            guard let paths = Self.paths(length, instructions, sets) else { continue }
            self.length = length
            for path in paths { add(path) }
            return
        }
        length = 0
    }

    deinit { bits.deallocate() }

    /// Whether a match may begin at `bytes`, of which `length` are readable.
    @inline(__always)
    func passes(_ bytes: UnsafePointer<UInt8>) -> Bool {
        let hash = Self.hash(bytes[0], bytes[1], length > 2 ? bytes[2] : 0)
        return bits[hash &>> 6] &>> UInt64(hash & 63) & 1 != 0
    }

    @inline(__always)
    private static func hash(_ first: UInt8, _ second: UInt8, _ third: UInt8) -> Int {
        (Int(first) &+ Int(second) &* 37 &+ Int(third) &* 1_021) & 4_095
    }

    private func add(_ path: [ByteSet]) {
        for first in path[0].bytes {
            for second in path[1].bytes {
                for third in path.count > 2 ? path[2].bytes : [0] {
                    let hash = Self.hash(first, second, third)
                    bits[hash >> 6] |= 1 << UInt64(hash & 63)
                }
            }
        }
    }

    /// All ways through the first bytes of the pattern; `nil` if they are too many.
    private static func paths(
        _ length: Int, _ instructions: [PatternProgram.Instruction], _ sets: [ByteSet]
    ) -> Set<[ByteSet]>? {
        var places: [(path: [ByteSet], instruction: Int)] = [([], 0)]
        var paths = Set<[ByteSet]>()
        var beginnings = 0
        var placeCount = 0
        while let (path, index) = places.popLast() {
            placeCount += 1
            guard placeCount <= placesMax else { return nil }
            let instruction = instructions[index]
            switch instruction.operation {
            case .split: places += [(path, Int(instruction.x)), (path, Int(instruction.y))]
            case .jump: places.append((path, Int(instruction.x)))
            case .assertion: places.append((path, index + 1))
            case .match: return nil
            case .byte where path.count + 1 < length: places.append((path + [sets[Int(instruction.x)]], index + 1))
            case .byte:
                let path = path + [sets[Int(instruction.x)]]
                guard paths.insert(path).inserted else { continue }
                beginnings += path.reduce(1) { $0 * $1.count }
                guard beginnings <= beginningsMax else { return nil }
            }
        }
        return paths
    }
}
