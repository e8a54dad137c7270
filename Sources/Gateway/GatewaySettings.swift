package import Access

/// All settings of the gateway, checked and complete.
package struct GatewaySettings: Sendable {
    package var host = "127.0.0.1"
    /// 0 takes a free one.
    package var port = 8080
    /// Event loops; one thread each.
    package var threads = 1
    package var tls: TLSFiles?
    package var http = HTTPSettings()
    package var dialects = DialectSettings()
    package var resilience = ResilienceSettings()
    package var headers = HeaderSettings()
    package var models: [ModelSettings]
    package var judges: [JudgeSettings] = []
    /// What prices and budgets are in; a name and no more.
    package var currency = "USD"
    /// Proxies whose `x-forwarded-for` is believed.
    package var trustedProxies: [Network] = []
    package var addresses: PublicAddresses
    /// Decides and records, and enforces no guideline, filter or limit. Keys are checked all the same.
    package var observesOnly = false
    package var recordFailure = RecordFailurePolicy.closed

    package init(models: [ModelSettings], addresses: PublicAddresses) {
        self.models = models
        self.addresses = addresses
    }

    /// All servers that are asked anything: those of models, each as often as it serves one, and of judges.
    var servers: [UpstreamSettings] { models.flatMap(\.upstreams) + judges.map(\.server) }
}

/// Certificate chain and private key of the gateway's own TLS, both PEM; read again when they change.
package struct TLSFiles: Sendable {
    package var certificateChain: String
    package var privateKey: String

    package init(certificateChain: String, privateKey: String) {
        self.certificateChain = certificateChain
        self.privateKey = privateKey
    }
}
