/// One file of the journal, `00000001.log`, `00000002.log`, …
///
/// ```
///  ┌───────────────┬─────────┬──────────────┬───────────────┬──────────┬────────┬────────┬───
///  │ "STWJRNL" (7) │ version │ segment u32  │ zero u32      │ check u32│ frame  │ frame  │ …
///  │               │ u8 = 1  │              │               │ CRC-32C  │        │        │
///  └───────────────┴─────────┴──────────────┴───────────────┴──────────┴────────┴────────┴───
/// ```
/// Every process begins a new segment, so what stands in older ones never changes again, but for a torn tail.
enum Segment {
    static let version: UInt8 = 1
    static let headerBytes = 20

    static func path(of segment: UInt32, in folder: String) -> String {
        let digits = String(segment)
        return folder + "/" + String(repeating: "0", count: max(0, 8 - digits.utf8.count)) + digits + ".log"
    }

    /// The segments in a list of names, in order.
    static func numbers(in names: [String]) -> [UInt32] {
        names.compactMap { name in
            name.utf8.count >= 12 && name.hasSuffix(".log") ? UInt32(name.dropLast(4)) : nil
        }.sorted()
    }

    static func header(of segment: UInt32) -> [UInt8] {
        var bytes = Array("STWJRNL".utf8) + [version]
        withUnsafeBytes(of: segment.littleEndian) { bytes += Array($0) }
        bytes += [0, 0, 0, 0]
        let crc = bytes.withUnsafeBytes { CRC32C.checksum(of: $0) }
        withUnsafeBytes(of: crc.littleEndian) { bytes += Array($0) }
        return bytes
    }

    /// What a reader finds where frames stop.
    enum End: Sendable, Hashable {
        /// The file ends with a whole frame.
        case clean
        /// Nothing sound follows: a frame that was being written when the process ended.
        case torn(at: Int)
        /// Sound frames follow, or the header is wrong: damage. Or a frame is whole, but of a kind not known here.
        case corrupt(at: Int)
    }

    /// Reads the frames in `bytes`, which begin at `start` in the file (a frame's beginning, or 0), each with its place,
    /// and says where they stop and why.
    static func read(
        _ bytes: UnsafeRawBufferPointer, segment: UInt32, at start: Int = 0, _ each: (Frame, Int) -> Void
    ) -> (next: Int, end: End) {
        var index = 0
        if start < headerBytes {
            let header = header(of: segment).dropFirst(start)
            guard bytes.prefix(header.count).elementsEqual(header) else {
                let isTorn = bytes.count < header.count || bytes.allSatisfy { $0 == 0 }
                return (start, isTorn ? .torn(at: start) : .corrupt(at: start))
            }
            index = header.count
        }
        while index < bytes.count {
            guard let (frame, next) = FrameDecoder.frame(in: bytes, at: index) else {
                let place = start + index
                return (place, hasFrame(bytes, from: index) ? .corrupt(at: place) : .torn(at: place))
            }
            each(frame, start + index)
            index = next
        }
        return (start + index, .clean)
    }

    private static func hasFrame(_ bytes: UnsafeRawBufferPointer, from index: Int) -> Bool {
        (index..<bytes.count).contains { FrameDecoder.soundLength(in: bytes, at: $0) != nil }
    }

    /// Whether `bytes` begin with an undamaged header, but not this segment's: of another version, or of a file that was
    /// copied or renamed. What follows it is not to be taken for this segment's frames.
    static func isHeaderOfAnother(_ bytes: UnsafeRawBufferPointer, segment: UInt32) -> Bool {
        guard bytes.count >= headerBytes else { return false }
        let crc = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: headerBytes - 4, as: UInt32.self))
        let isWhole = crc == CRC32C.checksum(of: UnsafeRawBufferPointer(rebasing: bytes[..<(headerBytes - 4)]))
        return isWhole && !bytes.prefix(headerBytes).elementsEqual(header(of: segment))
    }
}
