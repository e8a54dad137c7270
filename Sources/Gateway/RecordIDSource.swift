internal import Storage

/// Makes the ids of one event loop's exchanges: unique, in order, and without a call to the system for each.
///
/// Ids of one millisecond count up from a random start, as the ULID specification has it, so that those of two
/// processes differ.
///
/// `@unchecked Sendable`: touched on its loop only.
final class RecordIDSource: @unchecked Sendable {
    private var last = RecordID(at: .now)

    func next(at time: Timestamp) -> RecordID {
        let fresh = UInt64(max(0, time.microseconds / 1_000)) & 0xFFFF_FFFF_FFFF
        if fresh <= last.high >> 16, last.low < .max - 1_024 {
            last = RecordID(high: last.high, low: last.low + 1)
        } else {
            // The high half's random bits stay this loop's; the low half moves by a step that shows nothing of the rate.
            last = RecordID(high: fresh << 16 | last.high & 0xFFFF, low: Self.mixed(last.low))
        }
        return last
    }

    /// One step of SplitMix64 (Steele, Lea, Flood 2014).
    private static func mixed(_ state: UInt64) -> UInt64 {
        var mixed = state &+ 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
