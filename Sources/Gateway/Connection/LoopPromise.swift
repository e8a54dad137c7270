/// A value that one task awaits and that its loop gives it, once: whoever gives it first decides.
///
/// `@unchecked Sendable`: touched on one event loop only.
final class LoopPromise<Value>: @unchecked Sendable {
    private var given: Value?
    private var waiter: UnsafeContinuation<Void, Never>?

    var isKept: Bool { given != nil }

    /// The value, once it is given.
    func value() async -> Value {
        while true {
            if let given { return given }
            await withUnsafeContinuation { waiter = $0 }
        }
    }

    /// - Returns: whether nobody had given one before.
    @discardableResult
    func keep(_ value: Value) -> Bool {
        guard given == nil else { return false }
        given = value
        let waiter = waiter
        self.waiter = nil
        waiter?.resume()
        return true
    }
}
