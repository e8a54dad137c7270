/// What is kept of one subject. One cache line.
///
/// ```
/// key 8 │ requests TAT 8 │ tokens TAT 8 │ day TAT 8 │ tokens part 8 │ day part 8 │ reserved 8 │ in flight 4 │ part 4
/// ```
struct LimitEntry: Sendable {
    /// 0 marks a free place.
    var key: UInt64
    private var requestsAt: Int64 = 0
    private var tokensAt: Int64 = 0
    private var dayAt: Int64 = 0
    private var tokensPart: UInt64 = 0
    private var dayPart: UInt64 = 0
    /// Tokens that requests in flight may still use.
    var reserved: UInt64 = 0
    var inFlight: UInt32 = 0
    private var requestsPart: UInt32 = 0

    init(key: UInt64 = 0) {
        self.key = key
    }

    var requests: ArrivalTime {
        get { ArrivalTime(nanoseconds: requestsAt, part: UInt64(requestsPart)) }
        set {
            requestsAt = newValue.nanoseconds
            requestsPart = UInt32(truncatingIfNeeded: newValue.part)
        }
    }

    var tokens: ArrivalTime {
        get { ArrivalTime(nanoseconds: tokensAt, part: tokensPart) }
        set { (tokensAt, tokensPart) = (newValue.nanoseconds, newValue.part) }
    }

    var day: ArrivalTime {
        get { ArrivalTime(nanoseconds: dayAt, part: dayPart) }
        set { (dayAt, dayPart) = (newValue.nanoseconds, newValue.part) }
    }

    /// Whether forgetting it changes nothing: all buckets full again, nothing in flight.
    func isIdle(at now: Int64) -> Bool {
        inFlight == 0 && requestsAt < now && tokensAt < now && dayAt < now
    }
}

/// Entries of some organisations, by open addressing with linear probing. Lives behind a lock.
struct LimitTable: Sendable {
    private(set) var entries: [LimitEntry]
    private(set) var count = 0
    /// The latest time seen. A caller whose clock reading is older is served as of this, so that time never runs
    /// backward for a bucket, nor for the decision that it may be forgotten.
    private(set) var latest: Int64 = 0
    private let epoch: Moment
    private var mask: Int

    /// 16 KB. Few subjects are busy at once; a smaller table would be swept too often.
    static let smallest = 256
    /// A request takes at most one for each scope.
    static let placesOfRequest = 4

    init(startingAt epoch: Moment) {
        self.epoch = epoch
        entries = Array(repeating: LimitEntry(), count: Self.smallest)
        mask = Self.smallest - 1
    }

    /// Takes note of the time.
    ///
    /// - Returns: `now`, or the latest time seen if that is later, in nanoseconds since the epoch.
    @inline(__always)
    mutating func advance(to now: Moment) -> Int64 {
        latest = max(latest, now - epoch)
        return latest
    }

    /// Where the key is; -1 when it is nowhere.
    @inline(__always)
    func find(_ key: UInt64) -> Int {
        var index = Int(truncatingIfNeeded: key) & mask
        while true {
            let found = entries[index].key
            if found == key { return index }
            if found == 0 { return -1 }
            index = (index &+ 1) & mask
        }
    }

    @inline(__always)
    mutating func update(_ index: Int, _ change: (inout LimitEntry) -> Void) {
        change(&entries[index])
    }

    /// Adds a key that is not there. There must be room: see `makeRoom`.
    mutating func insert(_ key: UInt64) -> Int {
        var index = Int(truncatingIfNeeded: key) & mask
        while entries[index].key != 0 { index = (index &+ 1) & mask }
        entries[index] = LimitEntry(key: key)
        count += 1
        return index
    }

    /// Makes room for as many entries as a request has scopes, by forgetting idle ones and if that is not enough by growing.
    ///
    /// - Returns: How many entries it forgot.
    mutating func makeRoom(at now: Int64) -> Int {
        count + Self.placesOfRequest > entries.count / 8 * 7 ? sweep(at: now) : 0
    }

    /// Forgets idle entries, and fits the table to what is left. Cost: some 10 ns an entry; amortised over the
    /// insertions that fill it again, constant.
    ///
    /// - Returns: How many entries it forgot.
    mutating func sweep(at now: Int64) -> Int {
        let before = count
        let kept = entries.count(where: { $0.key != 0 && !$0.isIdle(at: now) })
        var size = Self.smallest
        while size < (kept + Self.placesOfRequest) * 2 { size *= 2 }
        let old = entries
        entries = Array(repeating: LimitEntry(), count: size)
        mask = size - 1
        count = 0
        for entry in old where entry.key != 0 && !entry.isIdle(at: now) {
            entries[insert(entry.key)] = entry
        }
        return before - count
    }

    /// Ends a reservation. Without a time, as of the latest that was seen.
    mutating func settle(
        _ subjects: LimitSubjects, reserved: UInt64, actual: UInt64, at now: Moment?
    ) {
        let time = if let now { advance(to: now) } else { latest }
        subjects.forEachLimited { scope, rates in
            let place = find(subjects.tableKey(scope))
            precondition(place >= 0, "A subject with a request in flight is never forgotten.")
            update(place) { $0.settle(rates, reserved: reserved, actual: actual, at: time) }
        }
    }
}
