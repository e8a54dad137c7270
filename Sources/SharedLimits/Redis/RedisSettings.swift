/// Where Redis is, and how it is spoken to.
package struct RedisSettings: Sendable {
    package var host: String
    package var port = 6_379
    package var database = 0
    /// `nil`: the default user.
    package var user: String?
    package var password: RedisPassword?
    /// What keys begin with, so that several deployments can share one Redis.
    package var namespace = "steward"
    /// How long one call may take, in nanoseconds, from its request's arrival at it.
    package var timeout: Int64 = 30_000_000

    package init(host: String) { self.host = host }

    /// How long connecting and signing in may take: looking the script up and several answers, in nanoseconds.
    var connectTimeout: Int64 { max(250_000_000, 4 * timeout) }
}

/// Never printed or logged.
package struct RedisPassword: Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    let text: String

    package init(_ text: String) { self.text = text }

    package var description: String { "[secret]" }
    package var debugDescription: String { "[secret]" }
}
