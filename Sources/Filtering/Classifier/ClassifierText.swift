/// Folds a text for the classifier: characters by `CodePointView`, what hides ASCII as what it hides, then
/// `ClassifierFold`.
struct ClassifierText {
    private var fold = ClassifierFold()

    /// - Parameters:
    ///   - text: valid UTF-8 in whole characters.
    ///   - original: where it begins in all of the text.
    ///   - emit: gets each folded byte, and where the character ends with which it came out.
    @inline(__always)
    mutating func take(
        _ text: UnsafeBufferPointer<UInt8>, original: Int, _ view: CodePointView,
        emit: (_ byte: UInt8, _ end: Int) -> Void
    ) {
        var fold = self.fold
        var index = 0
        while index < text.count {
            let byte = text[index]
            if UTF8Decoding.isPlain(byte) {
                index &+= 1
                fold.take(Self.lowerCase(byte)) { emit($0, original &+ index) }
                continue
            }
            let (codePoint, width) = byte < 0x80 ? (UInt32(byte), 1) : UTF8Decoding.codePoint(text, index)
            let end = original + index + width
            if let mapped = view.map(codePoint) {
                if mapped.isEmpty, let hidden = HiddenASCII.byte(of: codePoint) {
                    fold.take(Self.lowerCase(hidden)) { emit($0, end) }
                }
                for byte in mapped { fold.take(byte) { emit($0, end) } }
            } else {
                for byte in text[index..<(index + width)] { fold.take(byte) { emit($0, end) } }
            }
            index += width
        }
        self.fold = fold
    }

    /// Ends the text.
    mutating func finish(emit: (UInt8) -> Void) { fold.finish(emit: emit) }

    @inline(__always)
    private static func lowerCase(_ byte: UInt8) -> UInt8 { byte | (byte &- 0x41 < 26 ? 0x20 : 0) }
}
