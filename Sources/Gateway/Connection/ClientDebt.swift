internal import NIOCore

/// What the client of a connection owes next, and by when: a pure state machine, deadlines in, actions out.
///
/// Who takes something of an answer in time, however little, gets time for the rest.
struct ClientDebt {
    private enum Owed {
        case nothing
        case head
        case body
        /// To take what was written, of which so many bytes were left when this was asked.
        case taking(left: Int)
        /// To take what is left of an answer, and then to ask for something else.
        case request(left: Int?, since: NIODeadline)
        /// To close the connection.
        case end
    }

    enum Lapse: Equatable {
        case nothing
        case slowHead
        case slowBody
        /// It is not there any more, or does nothing.
        case gone
    }

    private static let endTimeout = TimeAmount.seconds(5)

    /// What is owed already keeps its deadline, should these change.
    var settings: HTTPSettings
    private var owed = Owed.head
    /// When the client must have done what it owes; checked by the loop's ticker.
    private(set) var deadline: NIODeadline

    /// A client that has just connected: it owes a head.
    init(settings: HTTPSettings, at now: NIODeadline) {
        self.settings = settings
        deadline = LoopClock.deadline(settings.headTimeout, from: now)
    }

    mutating func oweNothing() {
        owed = .nothing
        deadline = .distantFuture
    }

    mutating func oweHead(at now: NIODeadline) { owe(.head, within: settings.headTimeout, at: now) }
    mutating func oweBody(at now: NIODeadline) { owe(.body, within: settings.bodyTimeout, at: now) }
    mutating func oweEnd(at now: NIODeadline) { owe(.end, within: Self.endTimeout, at: now) }

    /// - Parameter left: bytes that the client has not taken yet.
    mutating func oweTaking(left: Int, at now: NIODeadline) {
        owe(.taking(left: left), within: settings.writeTimeout, at: now)
    }

    /// - Parameter left: as above; `nil` where nobody has asked the system.
    mutating func oweRequest(left: Int?, at now: NIODeadline) {
        owe(
            .request(left: left, since: now), within: min(settings.writeTimeout, settings.keepAliveTimeout), at: now)
    }

    private mutating func owe(_ owed: Owed, within time: TimeAmount, at now: NIODeadline) {
        self.owed = owed
        deadline = LoopClock.deadline(time, from: now)
    }

    /// The deadline has passed.
    ///
    /// - Parameters:
    ///   - isInsideHead: whether a head has begun to arrive.
    ///   - left: bytes that the client has not taken yet.
    mutating func lapse(isInsideHead: Bool, left: Int, at now: NIODeadline) -> Lapse {
        switch owed {
        case .nothing: return .nothing
        case .end: return .gone
        case .head: return isInsideHead ? .slowHead : .gone
        case .body:
            oweNothing()
            return .slowBody
        case .taking(let before):
            guard left < before else { return .gone }
            oweTaking(left: left, at: now)
        case .request(let before, _) where left > 0:
            if let before, left >= before { return .gone }
            owe(.request(left: left, since: now), within: settings.writeTimeout, at: now)
        case .request(_, let since):
            let end = since + settings.keepAliveTimeout
            guard end > now else { return .gone }
            owe(.request(left: 0, since: since), within: end - now, at: now)
        }
        return .nothing
    }
}
