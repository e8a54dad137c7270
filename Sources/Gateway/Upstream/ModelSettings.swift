package import Limits
package import NIOCore

/// A model as callers name it, and who serves it.
package struct ModelSettings: Sendable, Equatable {
    package var name: String
    /// Further names that callers may use; answers say the name that was asked for.
    package var aliases: [String] = []
    /// Tried by priority (lowest first), within a priority by weight.
    package var upstreams: [UpstreamSettings]
    /// The output cap, in tokens, set for a request that names none. Tokens are reserved by it.
    package var outputTokensDefault = 4_096
    /// The largest output cap that a request may name.
    package var outputTokensMax = 131_072
    /// What no filter can read and this model's callers may send all the same; recorded as *not evaluated*.
    package var admitsUnscreened: Set<Unscreenable> = []
    /// What its tokens cost; `nil` where that is not said, and nobody whose budget is in money may ask it.
    package var prices: TokenPrices?
    /// How long an upstream may be silent before a second one is asked the same; `nil` never asks one.
    package var hedgeAfter: TimeAmount?
    /// Whether callers may append `?option=value` to the name, as the rehearsal model understands it.
    package var takesOptions = false

    package init(name: String, upstreams: [UpstreamSettings]) {
        self.name = name
        self.upstreams = upstreams
    }
}

/// Parts of a request that a text filter cannot read.
package enum Unscreenable: String, Sendable, Hashable, CaseIterable {
    /// Images inside the request, as `data:` addresses.
    case images
    /// Images that the model server would fetch from an address.
    case remoteImages = "remote_images"
    case audio
    case files
    /// Prompts as token numbers, logit bias excepted.
    case tokens
    /// Prompts as embeddings.
    case embeddings
    /// Text that the model server keeps from before, or is to keep.
    case storedText = "stored_text"
    /// Tools that the model server runs itself.
    case hostedTools = "hosted_tools"
    /// Templates that decide how the server lays out the prompt.
    case chatTemplate = "chat_template"
}

/// One server that serves a model.
package struct UpstreamSettings: Sendable, Equatable {
    /// For records, metrics and logs; unique in the configuration.
    package var name: String
    package var host: String
    package var port: Int
    package var usesTLS: Bool
    /// Before `/v1/…`; empty or beginning with `/`, never ending with one.
    package var basePath: String
    /// PEM file of further authorities to trust; the system's are used when `nil`.
    package var authoritiesFile: String?
    /// Never printed or logged.
    package var credential: Credential?
    /// How it is sent.
    package var credentialField = CredentialField.authorization
    /// What the server calls the model; the caller's name when `nil`.
    package var model: String?
    package var priority = 0
    package var weight = 1
    package var dialects: Set<Dialect> = Set(Dialect.allCases)
    package var timeouts = UpstreamTimeouts()
    /// How it is asked whether it is well; `nil` never asks.
    package var health: HealthCheckSettings?
    /// Connections of one event loop to this server, idle ones included.
    package var connectionsMax = 1_024

    /// The `host` field of requests to it.
    var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (usesTLS ? 443 : 80) ? name : "\(name):\(port)"
    }

    package init(name: String, host: String, port: Int, usesTLS: Bool = false, basePath: String = "") {
        self.name = name
        self.host = host
        self.port = port
        self.usesTLS = usesTLS
        self.basePath = basePath
    }
}

/// The header field by which a server is told a credential.
package enum CredentialField: String, Sendable, CaseIterable {
    /// `authorization: Bearer …`
    case authorization
    /// `x-api-key: …`, as Anthropic wants it.
    case apiKey = "x-api-key"
}

/// A secret that no log line shows by accident.
package struct Credential: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable
{
    let secret: String

    package init(_ secret: String) {
        self.secret = secret
    }

    package var description: String { "***" }
    package var debugDescription: String { "***" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}

package struct UpstreamTimeouts: Sendable, Equatable {
    package var connect = TimeAmount.seconds(5)
    /// From handing the request to the connection, a new one's TLS handshake included, to the answer's first byte.
    package var firstByte = TimeAmount.seconds(120)
    /// Between two pieces of an answer.
    package var idle = TimeAmount.seconds(60)
    /// Of the whole answer.
    package var total = TimeAmount.seconds(600)

    package init() {}
}
