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
                    guard Self.isField(line) else { throw .malformed("a trailer that is no field") }
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
            // Not earlier: the CRLF of the longest line that is taken may still be on its way.
            if view.count >= Self.lineBytesMax + 2 { throw .malformed("a chunk line that is too long") }
            return nil
        }
        guard end > view.startIndex, view[end - 1] == 0x0D else {
            throw .malformed("a chunk line that ends in LF without CR")
        }
        let line = Array(view[view.startIndex..<(end - 1)])
        input.moveReaderIndex(to: input.readerIndex + line.count + 2)
        return line
    }

    /// Hexadecimal digits, then nothing or extensions, which are ignored but have to be well formed.
    ///
    /// White space is refused, though RFC 9112 (section 7.1.1) would have it skipped before an extension: nobody sends
    /// it, and readers differ in what they make of it.
    private static func chunkSize(_ line: [UInt8]) throws(HeadProblem) -> Int {
        let digits = line.prefix { $0 != 0x3B }
        guard !digits.isEmpty, digits.count <= 15 else { throw .malformed("a chunk size that is no number") }
        guard areExtensions(line.dropFirst(digits.count)) else { throw .malformed("a malformed chunk extension") }
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
    /// Any number of `;name`, `;name=token` and `;name="quoted string"`. Source: RFC 9112, section 7.1.1.
    private static func areExtensions(_ text: ArraySlice<UInt8>) -> Bool {
        var rest = text
        while !rest.isEmpty {
            guard rest.removeFirst() == 0x3B, skipToken(&rest) else { return false }
            guard rest.first == 0x3D else { continue }
            rest.removeFirst()
            guard rest.first == 0x22 ? skipQuoted(&rest) : skipToken(&rest) else { return false }
        }
        return true
    }

    private static func skipToken(_ text: inout ArraySlice<UInt8>) -> Bool {
        let token = text.prefix(while: CharacterClass.isToken)
        text = text.dropFirst(token.count)
        return !token.isEmpty
    }

    /// Source: RFC 9110, section 5.6.4.
    private static func skipQuoted(_ text: inout ArraySlice<UInt8>) -> Bool {
        var isEscaped = false
        for (index, byte) in zip(text.indices, text).dropFirst() {
            guard CharacterClass.isFieldValue(byte) else { return false }
            if byte == 0x22, !isEscaped {
                text = text[(index + 1)...]
                return true
            }
            isEscaped = byte == 0x5C && !isEscaped
        }
        return false
    }

    /// Whether a trailer is a field. It is dropped all the same, but what is none could be another reader's next request.
    private static func isField(_ line: [UInt8]) -> Bool {
        guard let colon = line.firstIndex(of: 0x3A), colon > 0 else { return false }
        return line[..<colon].allSatisfy(CharacterClass.isToken)
            && line[(colon + 1)...].allSatisfy(CharacterClass.isFieldValue)
    }
}
