package import Limits
package import Storage
internal import Synchronization

/// All that the request path needs to know of a key, prepared when the snapshot is built.
package final class KeyEntry: Sendable {
    package let key: KeyID
    package let application: ApplicationID
    package let organisation: OrganisationID
    /// The application's.
    package let stage: Stage
    /// The worse of the organisation's and the application's.
    package let standing: Standing
    package let scopes: KeyScopes
    /// Names of models; `nil` means all.
    package let allowedModels: Set<String>?
    /// Where it may be used from; `nil` means anywhere.
    package let networks: [Network]?
    /// It is live before this moment.
    package let expiresAt: Timestamp?
    /// Of the key, its application and its organisation, defaults included. Entries share those of their application
    /// and organisation.
    package let limits: LimitSubjects
    /// Those of the application's end users; `nil` where they have none, so that nobody looks for one.
    package let endUsers: EndUserLimits?
    let use: KeyUse

    init(
        _ key: Key, of application: Application, of organisation: Organisation, limits: LimitSubjects,
        endUsers: EndUserLimits?, use: KeyUse
    ) {
        self.key = key.id
        self.application = application.id
        self.organisation = organisation.id
        stage = application.stage
        standing = max(application.standing, organisation.standing)
        scopes = key.scopes
        allowedModels = key.allowedModels
        networks = key.networks
        expiresAt = key.expiresAt
        self.limits = limits
        self.endUsers = endUsers
        self.use = use
    }

    /// Remembers that the key was used; it reaches the store some seconds later. Costs some nanoseconds.
    package func noteUse(at time: Timestamp) {
        use.note(time)
    }
}

/// When a key was last used, shared by the entries of one key in successive snapshots.
final class KeyUse: Sendable {
    private let last = Atomic<Int64>(.min)
    private let stored = Atomic<Int64>(.min)

    /// To the second, so that a busy key's cache line is seldom written.
    func note(_ time: Timestamp) {
        let before = last.load(ordering: .relaxed)
        if before < 0 || time.microseconds - before >= 1_000_000 {
            last.store(time.microseconds, ordering: .relaxed)
        }
    }

    /// A use that the store does not know yet.
    var unstored: Timestamp? {
        let last = last.load(ordering: .relaxed)
        return last > stored.load(ordering: .relaxed) ? Timestamp(microseconds: last) : nil
    }

    func markStored(_ time: Timestamp) {
        stored.store(time.microseconds, ordering: .relaxed)
    }
}
