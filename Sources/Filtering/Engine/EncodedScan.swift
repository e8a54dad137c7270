/// Finds what stands encoded in a text, in any way that is read.
struct EncodedScan {
    private var run: EncodedRun
    /// `nil` in what was itself in ROT13, which would be put back.
    private var rot13: Rot13Run?

    /// - Parameters:
    ///   - depth: how many encodings lie around what is found.
    ///   - isRotated: whether the text itself was in ROT13.
    init(depth: Int, isRotated: Bool = false) {
        run = EncodedRun(countMax: DecodedText.countMax(depth: depth))
        rot13 = isRotated ? nil : Rot13Run(countMax: DecodedText.countMax(depth: depth))
    }

    /// Whether anything may be found in a text.
    static func isPossible(in text: UnsafeBufferPointer<UInt8>) -> Bool {
        isPossible(in: text, hasLongRun: LongRun.isFound(in: text))
    }

    static func isPossible(in text: UnsafeBufferPointer<UInt8>, hasLongRun: Bool) -> Bool {
        hasLongRun || Rot13Run.isPossible(in: text)
    }

    /// Whether there was more that people could read, in the text that has ended. The next one is asked anew; how many
    /// stretches are read holds for all.
    mutating func takeExcess() -> Bool {
        let isBeyond = run.takeExcess()
        return rot13?.takeExcess() == true || isBeyond
    }

    /// Before which offset of the original nothing is found any more, of which so much came.
    func settled(fed: Int) -> Int { min(run.open ?? fed, rot13?.settled ?? fed) }

    /// Takes what comes next, which begins at an offset of the original.
    mutating func take(_ part: UnsafeBufferPointer<UInt8>, original: Int, found: (EncodedRun.Decoded) -> Void) {
        run.take(part, original: original, found: found)
        rot13?.take(part, original: original, found: found)
    }

    /// Ends the text at an offset of the original.
    mutating func finish(at offset: Int, found: (EncodedRun.Decoded) -> Void) {
        run.finish(at: offset, found: found)
        rot13?.finish(at: offset, found: found)
    }
}
