package import Limits
package import Storage

/// All keys that are not revoked, as of one moment.
package struct KeySnapshot: Sendable {
    /// Grows whenever an organisation, application or key changes.
    package let revision: Int64
    private let entries: [KeyDigest: KeyEntry]
    private let byID: [KeyID: KeyEntry]

    package init() {
        self.init(revision: 0, entries: [:])
    }

    init(revision: Int64, entries: [KeyDigest: KeyEntry]) {
        self.revision = revision
        self.entries = entries
        byID = Dictionary(entries.values.map { ($0.key, $0) }) { first, _ in first }
    }

    /// The key with this digest; `nil` if there is none or it was revoked. It may have expired: see `expiresAt`.
    package func entry(for digest: KeyDigest) -> KeyEntry? {
        entries[digest]
    }

    package func entry(for key: KeyID) -> KeyEntry? {
        byID[key]
    }

    var all: some Collection<KeyEntry> { entries.values }
}

/// Limits of an application's end users: of each person, as the application tells them apart.
package struct EndUserDefaults: Sendable, Hashable {
    package var limits: LimitSettings
    /// Whether a request that names nobody is refused.
    package var isRequired: Bool

    package init(limits: LimitSettings = .unlimited, isRequired: Bool = false) {
        self.limits = limits
        self.isRequired = isRequired
    }

    /// For the path; `nil` where there is nothing to look at.
    var prepared: EndUserLimits? {
        limits == .unlimited && !isRequired ? nil : EndUserLimits(settings: limits, isRequired: isRequired)
    }
}

/// Limits of those for whom none are stated.
package struct LimitDefaults: Sendable, Hashable {
    /// Of an application, by its stage; all its keys share them, and a key has no limits of its own unless stated.
    package var sandbox: LimitSettings
    package var production: LimitSettings
    package var organisation: LimitSettings
    /// Of each end user of an application, by the application's stage.
    package var sandboxUsers: EndUserDefaults
    package var productionUsers: EndUserDefaults

    package init(
        sandbox: LimitSettings = .sandbox, production: LimitSettings = .production,
        organisation: LimitSettings = .unlimited, sandboxUsers: EndUserDefaults = EndUserDefaults(),
        productionUsers: EndUserDefaults = EndUserDefaults()
    ) {
        self.sandbox = sandbox
        self.production = production
        self.organisation = organisation
        self.sandboxUsers = sandboxUsers
        self.productionUsers = productionUsers
    }

    func application(_ stage: Stage) -> LimitSettings {
        switch stage {
        case .sandbox: sandbox
        case .production: production
        }
    }
}
