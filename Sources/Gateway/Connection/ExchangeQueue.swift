/// Hands a connection's exchanges, one after another, to the one task that serves them.
///
/// One task for each connection rather than for each exchange saves its making and its executor's record.
///
/// `@unchecked Sendable`: touched on the connection's event loop only, where its task runs too.
final class ExchangeQueue: @unchecked Sendable {
    private var exchange: Exchange?
    private var isClosed = false
    private var waiter: UnsafeContinuation<Exchange?, Never>?

    /// The next exchange; `nil` when the connection is gone.
    func next() async -> Exchange? {
        if let exchange {
            self.exchange = nil
            return exchange
        }
        if isClosed { return nil }
        return await withUnsafeContinuation { waiter = $0 }
    }

    /// - Precondition: the exchange before has been answered.
    func push(_ exchange: Exchange) {
        if let waiter {
            self.waiter = nil
            waiter.resume(returning: exchange)
        } else {
            precondition(self.exchange == nil, "two exchanges at once on one connection")
            self.exchange = exchange
        }
    }

    func close() {
        isClosed = true
        waiter?.resume(returning: nil)
        waiter = nil
    }
}
