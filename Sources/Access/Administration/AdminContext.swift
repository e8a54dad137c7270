package import Hummingbird
internal import Logging
package import Storage
package import Web

/// What handlers under `/admin/v1` know about a request. There is none without a live token: making one throws.
package struct AdminContext: ChildRequestContext {
    package typealias ParentContext = AdminGateContext

    package var coreContext: CoreRequestContextStorage
    package let identity: AdminIdentity
    /// The wall clock, read once at the edge.
    package let receivedAt: Timestamp
    package let maxUploadSize = 16 << 10

    package init(context: AdminGateContext) throws {
        guard let identity = context.identity else { throw AdminRefusal.noToken }
        coreContext = context.coreContext
        self.identity = identity
        receivedAt = context.receivedAt
        logger[metadataKey: "token"] = .stringConvertible(identity.token)
        logger[metadataKey: "role"] = .string(identity.role.rawValue)
    }

    /// Puts down who did what, and to which. No content.
    package func note(_ act: AdminAction, on subject: some CustomStringConvertible & Sendable, _ how: String? = nil) {
        var metadata: Logger.Metadata = [
            "action": .string(act.rawValue), "on": .stringConvertible(subject),
        ]
        if let how { metadata["how"] = .string(how) }
        logger.notice("Something was administered.", metadata: metadata)
    }
}

/// Before it is known whose request it is.
package struct AdminGateContext: ChildRequestContext {
    package typealias ParentContext = DeskContext

    package var coreContext: CoreRequestContextStorage
    /// Set by `AdminGate` alone.
    var identity: AdminIdentity?
    let receivedAt: Timestamp
    let peer: String?

    package init(context: DeskContext) {
        // As a whole: the path's parameters are in it.
        coreContext = context.coreContext
        receivedAt = context.receivedAt
        peer = context.peer
    }
}
