/// Why the record writer can't go on.
package enum RecordWriterError: Error, Sendable, Hashable {
    /// The store's progress in this journal is not where this writer left it.
    case anotherFollower
}

extension RecordWriterError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .anotherFollower: "Another process follows this journal. Stop it."
        }
    }
}
