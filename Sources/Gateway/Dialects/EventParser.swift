internal import NIOCore

/// Splits a stream of server-sent events: a pure state machine, bytes in, event data out.
///
/// Only `data` matters to these APIs; names, ids and comments are dropped. Source: the HTML standard, section 9.2.
struct EventParser {
    private var line: [UInt8] = []
    private var data: [UInt8] = []
    private var hasData = false
    private var skipsLineFeed = false
    private var isAtStart = true
    let eventBytesMax: Int

    init(eventBytesMax: Int) {
        self.eventBytesMax = eventBytesMax
    }

    /// Whether the stream stands between two events.
    var isBetweenEvents: Bool { line.isEmpty && !hasData }

    /// Takes bytes in; calls `body` with the data of every event that they complete.
    mutating func feed(
        _ bytes: ByteBuffer, _ body: ([UInt8]) throws(UpstreamFailure) -> Void
    ) throws(UpstreamFailure) {
        var events: [[UInt8]] = []
        try bytes.withUnsafeReadableBytes { bytes throws(UpstreamFailure) in
            var start = 0
            for index in 0..<bytes.count {
                let byte = bytes[index]
                guard byte == 0x0A || byte == 0x0D else {
                    skipsLineFeed = false
                    continue
                }
                if byte == 0x0A, skipsLineFeed {
                    skipsLineFeed = false
                    start = index + 1
                    continue
                }
                skipsLineFeed = byte == 0x0D
                line.append(contentsOf: bytes[start..<index])
                start = index + 1
                if let event = endLine() { events.append(event) }
            }
            line.append(contentsOf: bytes[start...])
            guard line.count + data.count <= eventBytesMax else { throw .answerTooLarge(bytesMax: eventBytesMax) }
        }
        for event in events { try body(event) }
    }

    /// Takes the finished line in; the data of the event that it ends, if it ends one.
    private mutating func endLine() -> [UInt8]? {
        defer { line.removeAll(keepingCapacity: true) }
        if isAtStart {
            isAtStart = false
            if line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
        }
        if line.isEmpty {
            guard hasData else { return nil }
            defer {
                data = []
                hasData = false
            }
            return data
        }
        guard line.starts(with: "data".utf8) else { return nil }
        var value = line[4...]
        guard value.isEmpty || value.first == 0x3A else { return nil }
        value = value.dropFirst()
        if value.first == 0x20 { value = value.dropFirst() }
        if hasData { data.append(0x0A) }
        data.append(contentsOf: value)
        hasData = true
        return nil
    }
}
