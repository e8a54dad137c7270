internal import NIOCore

/// Splits a stream of server-sent events: a pure state machine, bytes in, event data out.
///
/// Only `data` matters to these APIs; names, ids and comments are dropped. Source: the HTML standard, section 9.2.
struct EventParser {
    /// What has come and was not looked at yet.
    private var bytes = ByteBuffer()
    /// The beginning of a line whose end has not come.
    private var line: [UInt8] = []
    private var data: [UInt8] = []
    private var hasData = false
    private var skipsLineFeed = false
    private var isAtStart = true
    let eventBytesMax: Int

    init(eventBytesMax: Int) {
        self.eventBytesMax = eventBytesMax
    }

    /// Takes bytes in, once `next` has given all events of those before.
    mutating func feed(_ bytes: ByteBuffer) {
        self.bytes = bytes
    }

    /// The data of the next event that is complete.
    mutating func next() throws(UpstreamFailure) -> [UInt8]? {
        // A copy, since the closure changes the rest of the parser.
        let bytes = bytes
        var event: [UInt8]?
        let used = bytes.withUnsafeReadableBytes { bytes in
            var start = 0
            var index = 0
            while index < bytes.count {
                let byte = bytes[index]
                index &+= 1
                guard byte == 0x0A || byte == 0x0D else { continue }
                // Of CR LF, the second ends nothing.
                if byte == 0x0A, index - start == 1, skipsLineFeed {
                    skipsLineFeed = false
                    start = index
                    continue
                }
                skipsLineFeed = byte == 0x0D
                event = end(UnsafeRawBufferPointer(rebasing: bytes[start..<index - 1]))
                start = index
                if event != nil { return index }
            }
            if start < index {
                skipsLineFeed = false
                line.append(contentsOf: bytes[start...])
            }
            return index
        }
        if event != nil {
            self.bytes.moveReaderIndex(forwardBy: used)
            return event
        }
        // Its memory is not kept while the stream waits.
        self.bytes = ByteBuffer()
        guard line.count + data.count <= eventBytesMax else {
            throw .answerTooLarge(bytesMax: eventBytesMax)
        }
        return nil
    }

    /// Takes the end of a line in; the data of the event that it ends, if it ends one.
    private mutating func end(_ rest: UnsafeRawBufferPointer) -> [UInt8]? {
        if line.isEmpty { return take(rest) }
        var whole: [UInt8] = []
        swap(&whole, &line)
        whole.append(contentsOf: rest)
        let event = whole.withUnsafeBytes { take($0) }
        whole.removeAll(keepingCapacity: true)
        swap(&whole, &line)
        return event
    }

    private mutating func take(_ line: UnsafeRawBufferPointer) -> [UInt8]? {
        var line = line[...]
        if isAtStart {
            isAtStart = false
            if line.starts(with: [0xEF, 0xBB, 0xBF]) { line = line.dropFirst(3) }
        }
        if line.isEmpty {
            guard hasData else { return nil }
            defer {
                data = []
                hasData = false
            }
            return data
        }
        guard line.starts(with: Self.name) else { return nil }
        var value = line.dropFirst(4)
        guard value.isEmpty || value.first == 0x3A else { return nil }
        value = value.dropFirst()
        if value.first == 0x20 { value = value.dropFirst() }
        if hasData {
            data.append(0x0A)
            data.append(contentsOf: value)
        } else {
            data = Array(value)
            hasData = true
        }
        return nil
    }

    private static let name = Array("data".utf8)
}
