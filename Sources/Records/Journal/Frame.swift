internal import Storage

/// One entry of the journal.
///
/// ```
///  ┌──────────┬──────────┬────────┬─────────────────────────────┐
///  │ length   │ CRC-32C  │ kind   │ payload                     │   all numbers little-endian
///  │ u32      │ u32      │ u8     │ length − 1 bytes            │
///  └──────────┴──────────┴────────┴─────────────────────────────┘
///   the check covers length, kind and payload
///
///  1 admission   record 16 · at i64 · key 16 · application 16 · organisation 16 · stage u8 · dialect u8 · flags u8
///                · verdict u8 · reserved i64 · model s · caller's id s · findings
///                · with flag 4: budget's day i32 · reserved nanos i64 (−1: absent)
///                · with flag 8: end user u64
///  2 settlement  record 16 · at i64 · outcome u8 · flags u8 · status u16 · verdict u8 · input i64 · output i64
///                · 5 times u32 · upstream s · refusal s · clause s · findings
///                · with flag 2: cost in nanos i64
///                · with flag 4: bytes released i64
///  3 refused     an admission and its settlement
///  4 lost        record 16 · at i64: the disk refused this exchange's settlement; it is charged in full
///
///  s         u16 length (0xFFFF: absent), UTF-8
///  findings  u8 count, each: verdict u8 · count u32 · rule s · category s · clause s
///  an id of all zeros is absent
/// ```
enum Frame: Sendable, Hashable {
    case admission(Admission)
    case settlement(Settlement)
    /// Rare, and twice as large as the others.
    indirect case refused(Admission, Settlement)
    case lost(RecordID, at: Timestamp)

    enum Kind: UInt8 {
        case admission = 1
        case settlement = 2
        case refused = 3
        case lost = 4
    }

    /// Bytes before the kind.
    static let prefixBytes = 8
}

/// The bounds of one journal entry.
package enum FrameLimits {
    package static let stringBytesMax = 512
    package static let findingsMax = 64
    /// No frame is longer, so a longer length is corruption.
    static let frameBytesMax = 256 * 1024
}
