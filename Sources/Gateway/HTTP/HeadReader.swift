internal import NIOCore

/// Finds the end of a head in what has arrived, without looking at any byte twice, and bounds its size.
struct HeadReader: Sendable {
    var headBytesMax: Int
    private var searched = 0
    private var emptyLines = 0
    private static let emptyLinesMax = 4

    init(headBytesMax: Int) {
        self.headBytesMax = headBytesMax
    }

    /// The whole head with its empty line, or `nil` until it has arrived.
    mutating func read(from input: inout ByteBuffer) throws(HeadProblem) -> [UInt8]? {
        if searched == 0 {
            try skipEmptyLines(&input)
            // Half an empty line: to search it now would make it the beginning of the head.
            if input.readableBytes == 1, input.getInteger(at: input.readerIndex, as: UInt8.self) == 0x0D { return nil }
        }
        let end = input.withUnsafeReadableBytes { bytes -> Int? in
            // As Boyer and Moore would: what stands here tells how far away the end of CR LF CR LF is at least.
            var index = max(3, searched)
            while index < bytes.count {
                switch bytes[index] {
                case 0x0A:
                    if bytes[index - 1] == 0x0D, bytes[index - 2] == 0x0A, bytes[index - 3] == 0x0D { return index + 1 }
                    index &+= 2
                case 0x0D: index &+= 1
                default: index &+= 4
                }
            }
            return nil
        }
        guard let end else {
            searched = input.readableBytes
            if searched > headBytesMax { throw .tooLarge }
            return nil
        }
        guard end <= headBytesMax else { throw .tooLarge }
        searched = 0
        emptyLines = 0
        return input.readBytes(length: end)
    }

    /// Whether part of a head has arrived.
    var isInsideHead: Bool { searched > 0 }

    /// A robust server ignores empty lines before a request; a few, however they arrive. Source: RFC 9112, section 2.2.
    private mutating func skipEmptyLines(_ input: inout ByteBuffer) throws(HeadProblem) {
        while input.getInteger(at: input.readerIndex, as: UInt16.self) == 0x0D0A {
            guard emptyLines < Self.emptyLinesMax else { throw .malformed("too many empty lines before it") }
            input.moveReaderIndex(forwardBy: 2)
            emptyLines += 1
        }
    }
}
