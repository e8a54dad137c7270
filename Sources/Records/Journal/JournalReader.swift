internal import Snapshots

/// Reads a journal's frames in order, as far as its writer has come. Over damage it goes on at the next sound frame.
struct JournalReader: Sendable {
    private let folder: String
    private let files: any JournalFiles
    private let notice: @Sendable (JournalNotice) -> Void
    private(set) var offset: JournalOffset
    /// Segments with damage; kept aside instead of deleted.
    private(set) var damaged: Set<UInt32> = []

    /// Bytes read at once; more than any frame has.
    private static let chunkBytes = 2 << 20

    init(
        folder: String, files: any JournalFiles = SystemFiles(), from offset: JournalOffset,
        notice: @escaping @Sendable (JournalNotice) -> Void
    ) {
        self.folder = folder
        self.files = files
        self.offset = offset
        self.notice = notice
    }

    /// Gives the next frames before `end`, each with the place where it begins; none if there are none.
    ///
    /// - Returns: whether ``offset`` moved.
    /// - Throws: `FileFault` if the disk can't be read; no frame was given or skipped then.
    mutating func next(
        before end: JournalOffset, _ each: (Frame, JournalOffset) -> Void
    ) throws(FileFault) -> Bool {
        let start = offset
        var isGiven = false
        while !isGiven, offset < end {
            let segments = Segment.numbers(in: try files.names(in: folder))
            guard segments.contains(offset.segment) else {
                // Nothing of it is left, or its creation failed and its number was skipped.
                guard let following = segments.first(where: { $0 > offset.segment }) else { break }
                if offset.byte > 0 { notice(.missing(segment: offset.segment)) }
                offset = JournalOffset(segment: following, byte: 0)
                continue
            }
            isGiven = try readSegment(before: end, each)
        }
        return offset != start
    }

    /// Gives what one reading brings; returns whether there was a frame.
    private mutating func readSegment(
        before end: JournalOffset, _ each: (Frame, JournalOffset) -> Void
    ) throws(FileFault) -> Bool {
        let segment = offset.segment
        let start = offset.byte
        let path = Segment.path(of: segment, in: folder)
        let size = try files.size(of: path)
        let limit = segment == end.segment ? min(end.byte, size) : size
        let chunkEnd = min(limit, start + Self.chunkBytes)
        let bytes = start < chunkEnd ? try files.bytes(of: path, from: start, to: chunkEnd) : []
        var isGiven = false
        var backstage = Backstage(every: 96, isBehind: true)
        let (next, stop) = bytes.withUnsafeBytes { all in
            Segment.read(all, segment: segment, at: start) { frame, frameStart in
                backstage.step()
                each(frame, JournalOffset(segment: segment, byte: frameStart))
                isGiven = true
            }
        }
        offset.byte = next
        switch stop {
        case .clean where start + bytes.count < limit:
            return isGiven
        case .torn, .corrupt:
            // What was given stays so whatever befalls the disk; and a frame that goes on beyond the chunk is read with
            // the next one.
            if next > start { return isGiven }
            try skip(from: next, to: limit, of: segment, end: end)
            if offset.byte < limit { return isGiven }
        case .clean:
            break
        }
        if segment < end.segment { offset = JournalOffset(segment: segment + 1, byte: 0) }
        return isGiven
    }

    /// Goes on behind what can't be read: at the next sound frame, or at the limit. Quietly only over what a crash left
    /// at an old segment's end.
    private mutating func skip(
        from byte: Int, to limit: Int, of segment: UInt32, end: JournalOffset
    ) throws(FileFault) {
        let path = Segment.path(of: segment, in: folder)
        let beginning = try files.bytes(of: path, from: byte, to: min(limit, byte + Self.frameSpan))
        let (isOthers, stop) = beginning.withUnsafeBytes { bytes in
            (
                byte == 0 && Segment.isHeaderOfAnother(bytes, segment: segment),
                Segment.read(bytes, segment: segment, at: byte) { _, _ in }.end
            )
        }
        let next = isOthers ? nil : try soundFrame(after: byte, before: limit, in: path)
        if next == nil, case .torn = stop, segment < end.segment {
            notice(.tornTail(segment: segment, bytes: limit - byte))
        } else {
            damaged.insert(segment)
            notice(.corrupt(segment: segment, offset: byte, bytes: (next ?? limit) - byte))
        }
        offset.byte = next ?? limit
    }

    /// The most bytes that a frame takes.
    private static let frameSpan = Frame.prefixBytes + FrameLimits.frameBytesMax

    /// Where the first frame behind `byte` whose check holds begins; `nil` if there is none.
    private func soundFrame(after byte: Int, before limit: Int, in path: String) throws(FileFault) -> Int? {
        var start = byte + 1
        while start < limit {
            let end = min(limit, start + Self.chunkBytes)
            let bytes = try files.bytes(of: path, from: start, to: end)
            // A frame that begins near the chunk's end is looked for again with the next one.
            let places = end == limit ? end - start : Self.chunkBytes - Self.frameSpan
            let found = bytes.withUnsafeBytes { all in
                (0..<places).first { FrameDecoder.soundLength(in: all, at: $0) != nil }
            }
            if let found { return start + found }
            start += places
        }
        return nil
    }
}
