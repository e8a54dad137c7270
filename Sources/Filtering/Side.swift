/// Which half of an exchange a text belongs to.
package enum Side: UInt8, Sendable, Hashable, CaseIterable {
    /// What the caller sends to the model.
    case prompt = 0
    /// What the model answers.
    case completion = 1

    /// The word for it in metrics and APIs.
    package var name: String { self == .prompt ? "prompt" : "completion" }
}
