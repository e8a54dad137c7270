/// The screening of one long text, a slice at a time, so that whoever shares the event loop has a turn in between.
///
/// ```
/// while screening.goOn() { await … }      others may use the same screener meanwhile
/// let result = screening.finish()         and then `screener.redactions`, before anybody else screens
/// ```
package final class SlicedScreening {
    private let screener: Screener
    private let text: [UInt8]
    private let scan: TextScan

    /// Some milliseconds of work in the worst text.
    package static let sliceBytes = 32_768
    /// The end of a text takes as long as so many bytes.
    package static let breakBytes = 64

    init(_ screener: Screener, _ text: [UInt8], _ scan: TextScan) {
        self.screener = screener
        self.text = text
        self.scan = scan
        scan.log.keepsRedacted = true
    }

    /// Scans the next slice; whether there is another one.
    package func goOn() -> Bool {
        screener.tools.prepare(for: scan.policy.rules)
        text.withUnsafeBufferPointer { text in
            scan.take(
                text, upTo: min(scan.fed + Self.sliceBytes, text.count), textsMax: Self.sliceBytes / Self.breakBytes,
                screener.tools)
        }
        return scan.fed < text.count
    }

    package func finish() -> Screening {
        screener.tools.prepare(for: scan.policy.rules)
        scan.finish(screener.tools)
        return screener.conclude(scan.log, scan.side, scan.policy)
    }
}
