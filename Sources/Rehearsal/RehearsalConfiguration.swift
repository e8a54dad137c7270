/// Where and how the rehearsal model listens.
package struct RehearsalConfiguration: Sendable {
    package var host: String
    /// Zero asks the system for a free port.
    package var port: Int
    /// Event loops; each has its own thread.
    package var threads: Int
    /// The largest request body that is read; a larger one gets a 413.
    package var bodyBytesMax: Int
    /// Behaviour of every request, below what its model name or `x-rehearsal` header asks for.
    package var behaviour: Behaviour
    /// Whether model names that don't begin with `rehearsal` are answered too, instead of with a 404.
    package var acceptsAnyModel: Bool

    package init(
        host: String = "127.0.0.1", port: Int = 0, threads: Int = 1, bodyBytesMax: Int = 64 << 20,
        behaviour: Behaviour = Behaviour(), acceptsAnyModel: Bool = false
    ) {
        self.host = host
        self.port = port
        self.threads = threads
        self.bodyBytesMax = bodyBytesMax
        self.behaviour = behaviour
        self.acceptsAnyModel = acceptsAnyModel
    }
}
