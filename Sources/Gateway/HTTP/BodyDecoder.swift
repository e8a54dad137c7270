internal import NIOCore

/// Takes the framing off a body: a pure state machine over what has arrived.
struct BodyDecoder: Sendable {
    enum Step {
        case bytes(ByteBuffer)
        /// Nothing more can be said until more arrives.
        case needsMore
        case end
    }

    private enum State {
        case ended
        case length(Int)
        case untilClose
        case chunkSize
        case chunk(Int)
        case chunkEnd
        case trailers(Int)
    }

    /// Of one chunk-size line with its extensions, and of all trailers.
    private static let lineBytesMax = 256
    private static let trailerBytesMax = 8_192
    private var state: State

    init(_ framing: BodyFraming) {
        state =
            switch framing {
            case .none: .ended
            case .length(let length): .length(length)
            case .chunked: .chunkSize
            case .untilClose: .untilClose
            }
    }

    var isAtEnd: Bool {
        if case .ended = state { true } else { false }
    }

    /// Whether the connection's close ends the body, rather than cutting it short.
    var endsAtClose: Bool {
        if case .untilClose = state { true } else { isAtEnd }
    }

    /// The next step that `input` allows; consumes what it used.
    mutating func decode(_ input: inout ByteBuffer) throws(HeadProblem) -> Step {
        while true {
            switch state {
            case .ended:
                return .end
            case .untilClose:
                return input.readableBytes == 0 ? .needsMore : .bytes(take(input.readableBytes, from: &input))
            case .length(let remaining):
                guard let bytes = takeUpTo(remaining, from: &input) else { return .needsMore }
                let rest = remaining - bytes.readableBytes
                state = rest == 0 ? .ended : .length(rest)
                return .bytes(bytes)
            case .chunkSize:
                guard let line = try line(from: &input) else { return .needsMore }
                let size = try Self.chunkSize(line)
                state = size == 0 ? .trailers(0) : .chunk(size)
            case .chunk(let remaining):
                guard let bytes = takeUpTo(remaining, from: &input) else { return .needsMore }
                let rest = remaining - bytes.readableBytes
                state = rest == 0 ? .chunkEnd : .chunk(rest)
                return .bytes(bytes)
            case .chunkEnd:
                guard let line = try line(from: &input) else { return .needsMore }
                guard line.isEmpty else { throw .malformed("a chunk longer than its size says") }
                state = .chunkSize
            case .trailers(let seen):
                guard let line = try line(from: &input) else { return .needsMore }
                if line.isEmpty {
                    state = .ended
                } else {
                    guard seen + line.count <= Self.trailerBytesMax else { throw .tooLarge }
                    state = .trailers(seen + line.count)
                }
            }
        }
    }

    private func take(_ count: Int, from input: inout ByteBuffer) -> ByteBuffer {
        input.readSlice(length: count)!  // `count` is at most what is readable.
    }

    private func takeUpTo(_ count: Int, from input: inout ByteBuffer) -> ByteBuffer? {
        let available = min(count, input.readableBytes)
        return available == 0 ? nil : take(available, from: &input)
    }

    /// A whole line without its CRLF, or `nil` until it has arrived.
    private func line(from input: inout ByteBuffer) throws(HeadProblem) -> [UInt8]? {
        let view = input.readableBytesView
        guard let end = view.prefix(Self.lineBytesMax + 2).firstIndex(of: 0x0A) else {
            if view.count > Self.lineBytesMax { throw .malformed("a chunk line that is too long") }
            return nil
        }
        guard end > view.startIndex, view[end - 1] == 0x0D else {
            throw .malformed("a chunk line that ends in LF without CR")
        }
        let line = Array(view[view.startIndex..<(end - 1)])
        input.moveReaderIndex(to: input.readerIndex + line.count + 2)
        return line
    }

    /// Hexadecimal digits, then nothing or an extension, which is ignored. Source: RFC 9112, section 7.1.
    private static func chunkSize(_ line: [UInt8]) throws(HeadProblem) -> Int {
        let digits = line.prefix { $0 != 0x3B && $0 != 0x20 && $0 != 0x09 }
        let isExtension = line.dropFirst(digits.count).first { $0 != 0x20 && $0 != 0x09 }.map { $0 == 0x3B } ?? true
        guard !digits.isEmpty, digits.count <= 15, isExtension else {
            throw .malformed("a chunk size that is no number")
        }
        for byte in line where !CharacterClass.isFieldValue(byte) { throw .malformed("a control in a chunk line") }
        var size = 0
        for byte in digits {
            let digit: Int
            switch byte {
            case 0x30...0x39: digit = Int(byte - 0x30)
            case 0x41...0x46: digit = Int(byte - 0x41 + 10)
            case 0x61...0x66: digit = Int(byte - 0x61 + 10)
            default: throw .malformed("a chunk size that is no number")
            }
            size = size << 4 | digit
        }
        return size
    }
}
