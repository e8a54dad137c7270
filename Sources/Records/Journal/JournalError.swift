/// Why the journal did not take or keep an entry. The exchange's bytes must not leave.
package enum JournalError: Error, Sendable, Hashable {
    /// The store has been away for so long that the journal reached its bound.
    case full
    /// The disk refused; `code` is the `errno`. The journal tries again by itself.
    case failed(code: Int32)
    /// Another process holds the folder's lock.
    case inUse
    case closed
}

/// A file operation that failed with this `errno`.
package struct FileFault: Error, Sendable, Hashable {
    package let code: Int32

    package init(code: Int32) {
        self.code = code
    }
}

/// What survives what, before the bytes that an entry permits may leave.
package enum JournalDurability: String, Sendable, CaseIterable {
    /// Written to the operating system: survives the end of the process. Synced at least every 50 ms.
    case crash
    /// Synced to the disk: survives a power cut.
    case power
}

/// An entry's place in the order of appending. Only meaningful to the journal that gave it.
package struct JournalPosition: Sendable, Hashable, Comparable {
    let sequence: UInt64

    package static func < (left: Self, right: Self) -> Bool { left.sequence < right.sequence }
}

/// A place in the files, where replay can begin.
package struct JournalOffset: Sendable, Hashable, Comparable {
    package var segment: UInt32
    package var byte: Int

    package init(segment: UInt32, byte: Int) {
        self.segment = segment
        self.byte = byte
    }

    package static func < (left: Self, right: Self) -> Bool {
        (left.segment, left.byte) < (right.segment, right.byte)
    }
}

/// Something that an operator should read in the log.
package enum JournalNotice: Sendable, Hashable {
    /// A crash left part of a frame at a segment's end; it was never acknowledged and has been cut off.
    case tornTail(segment: UInt32, bytes: Int)
    /// A segment is damaged before its end: `bytes` from `offset` on could not be read and were skipped.
    case corrupt(segment: UInt32, offset: Int, bytes: Int)
    /// A segment that replay needs is not there.
    case missing(segment: UInt32)
    case writeFailed(code: Int32)
    case recovered
}
