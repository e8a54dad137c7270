package import Hummingbird
internal import NIOCore
package import Storage

/// A context that knows the site its pages belong to.
package protocol SiteContext: RequestContext {
    /// Set by the first middleware of a desk's router; `nil` before it.
    var site: Site? { get }
}

/// What a desk's handlers know about a request beside its head and body.
package struct DeskContext: SiteContext {
    package var coreContext: CoreRequestContextStorage
    package var site: Site?
    /// Names the exchange in the answer's `x-request-id`, in problems and in the log.
    package var requestID = RecordID(high: 0, low: 0)
    /// The wall clock, read once at the edge.
    package var receivedAt = Timestamp(microseconds: 0)
    /// The address at the other end of the connection, perhaps a proxy's; `nil` where there is none, as in tests.
    package let peer: String?
    /// The largest body that `request.decode` collects.
    package var maxUploadSize = 1 << 20

    package init(source: Source) {
        coreContext = CoreRequestContextStorage(source: source)
        peer = source.channel.remoteAddress?.ipAddress
    }
}
