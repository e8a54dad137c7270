/// Which half of an exchange a text belongs to.
package enum Side: UInt8, Sendable, Hashable, CaseIterable {
    /// What the caller sends to the model.
    case prompt = 0
    /// What the model answers.
    case completion = 1
}
