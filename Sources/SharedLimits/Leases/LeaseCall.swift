internal import Limits

/// One call of the script: what one process tells and asks of some subjects, all of one organisation.
package struct LeaseCall: Sendable, Equatable {
    var subjects: [Subject] = []

    struct Subject: Sendable, Equatable {
        var key: LeaseKey
        var mode: Mode
        /// Grows from call to call, so that one that comes late is known.
        var sequence: Int64
        var asks: [Ask]
    }

    enum Mode: Int, Sendable {
        /// The process holds nothing, and Redis may forget what it held.
        case first = 0
        case known = 1
        case leaving = 2
    }

    struct Ask: Sendable, Equatable {
        var kind: LimitKind
        var limit: Int
        var used: Int
        var reserved: Int
        /// The least that helps the first request that waits; 0 when none does.
        var first: Int
        /// What should be held beyond `reserved`.
        var wanted: Int
    }
}

/// What Redis answered, in the order of the call.
package struct LeaseAnswer: Sendable, Equatable {
    var subjects: [Subject]

    struct Subject: Sendable, Equatable {
        var state: State
        var limits: [Limit]
    }

    enum State: Int, Sendable {
        case held = 0
        /// The process's leases had ended or were lost; what they held counts as used.
        case gone = 1
        /// The call came after a later one, and nothing was done.
        case late = 2
    }

    struct Limit: Sendable, Equatable {
        var held: Int
        var left: Int
        /// Nanoseconds until what was asked first is expected to fit; `nil` when it was granted.
        var wait: Int64?
        var level: Int
    }
}

/// Which subject, in this process and in Redis.
struct LeaseKey: Sendable, Hashable {
    let scope: LimitScope
    let id: UInt64

    init(_ scope: LimitScope, _ subject: LimitSubject) {
        self.init(scope: scope, id: subject.id)
    }

    init(scope: LimitScope, id: UInt64) {
        self.scope = scope
        self.id = id
    }
}
