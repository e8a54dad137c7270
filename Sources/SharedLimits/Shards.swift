internal import Limits
internal import Snapshots

/// What is held of each organisation, each in a shard with a lock of its own, so that a decision is atomic over all scopes
/// and few requests meet at one lock.
struct Shards<Group: Sendable>: Sendable {
    private let shards: [Lock<[UInt64: Group]>]
    private let make: @Sendable () -> Group

    private static var count: Int { 64 }

    /// - Parameter make: A group of which nothing is held yet.
    init(_ make: @escaping @Sendable () -> Group) {
        self.make = make
        shards = (0..<Self.count).map { _ in Lock([:]) }
    }

    func withGroup<Result: Sendable>(_ organisation: UInt64, _ body: (inout Group) -> Result) -> Result {
        let shard = shards[Int(truncatingIfNeeded: organisation ^ (organisation >> 32)) & (Self.count - 1)]
        return shard.withLock { body(&$0[organisation, default: make()]) }
    }

    /// Changes every group, and hands on what that gave, shard by shard and without the lock.
    func forEach<Found: Sendable>(_ change: (UInt64, inout Group) -> [Found], then use: ([Found]) -> Void) {
        for shard in shards {
            let found = shard.withLock { groups in
                // A view of the keys would make the first change copy all groups.
                Array(groups.keys).flatMap { key in change(key, &groups[key, default: make()]) }
            }
            if !found.isEmpty { use(found) }
        }
    }

    func removeAll(where isEmpty: (Group) -> Bool) {
        for shard in shards {
            shard.withLock { groups in
                guard groups.values.contains(where: isEmpty) else { return }
                groups = groups.filter { !isEmpty($0.value) }
            }
        }
    }

    func sum(_ count: (Group) -> Int) -> Int {
        shards.reduce(0) { sum, shard in sum + shard.withLock { $0.values.reduce(0) { $0 + count($1) } } }
    }
}
