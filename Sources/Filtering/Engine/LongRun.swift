/// Bytes in a row without a blank, as many as hardly any word has.
enum LongRun {
    static let bytesMin = 16

    /// Whether a text has any: where it has none, nothing in it is encoded, or found by length. Looks at eight bytes at a time.
    static func isFound(in text: UnsafeBufferPointer<UInt8>) -> Bool {
        let bytes = UnsafeRawBufferPointer(text)
        guard bytes.count >= bytesMin else { return false }
        var (run, offset) = (0, 0)
        while offset &+ 8 <= bytes.count {
            let rest =
                UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
                ^ 0x2020_2020_2020_2020
            // The highest bit of each byte that is left as zero.
            let low = rest & 0x7F7F_7F7F_7F7F_7F7F &+ 0x7F7F_7F7F_7F7F_7F7F
            let blanks = ~(low | rest) & 0x8080_8080_8080_8080
            if blanks == 0 {
                run &+= 8
                if run >= bytesMin { return true }
            } else {
                if run &+ blanks.trailingZeroBitCount / 8 >= bytesMin { return true }
                run = blanks.leadingZeroBitCount / 8
            }
            offset &+= 8
        }
        while offset < bytes.count {
            run = bytes[offset] == 0x20 ? 0 : run &+ 1
            if run >= bytesMin { return true }
            offset &+= 1
        }
        return false
    }
}
