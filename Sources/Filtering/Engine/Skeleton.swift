/// What ASCII becomes in the skeleton view: byte for byte, so that it needs no table and no map of offsets.
///
/// Lower case; 0 is o, 1 and | are l. (The skeleton of UTS #39 would also make `rn` of `m`, and `l` of a capital I;
/// left out, since the one changes lengths and the other confuses "bail" with "ball".)
enum Skeleton {
    @inline(__always)
    static func ascii(_ byte: UInt8) -> UInt8 {
        var byte = byte
        byte |= byte &- 0x41 < 26 ? 0x20 : 0
        byte = byte == 0x30 ? 0x6F : byte
        return byte == 0x31 || byte == 0x7C ? 0x6C : byte
    }

    /// Writes the skeleton of `text` to `bytes`, which has room for it. Bytes outside ASCII stay.
    static func write(_ text: UnsafeBufferPointer<UInt8>, to bytes: UnsafeMutablePointer<UInt8>) {
        for index in 0..<text.count { bytes[index] = ascii(text[index]) }
    }
}
