package import NIOCore

/// Sizes and times of the gateway's own side of HTTP. Every bound has a safe default.
package struct HTTPSettings: Sendable {
    /// Connections open at once; more are answered 503 and closed.
    package var connectionsMax = 10_000
    package var headBytesMax = 32_768
    package var headerFieldsMax = 100
    /// Of one request.
    package var bodyBytesMax = 32 << 20
    /// Of one answer that is no stream.
    package var answerBytesMax = 32 << 20
    /// Of one event of a streamed answer.
    package var eventBytesMax = 1 << 20
    /// Of one streamed completion.
    package var streamTextsMax = 512
    /// Of all bodies that are held at once.
    package var bytesInFlightMax = 256 << 20
    /// From the first byte of a head to its last.
    package var headTimeout = TimeAmount.seconds(10)
    /// From the head to the end of the body.
    package var bodyTimeout = TimeAmount.seconds(60)
    /// Between two requests.
    package var keepAliveTimeout = TimeAmount.seconds(75)
    /// How long a client that reads nothing may hold a stream up.
    package var writeTimeout = TimeAmount.seconds(60)
    /// How long running exchanges may take to end after SIGTERM.
    package var drainTimeout = TimeAmount.seconds(30)

    package init() {}
}
