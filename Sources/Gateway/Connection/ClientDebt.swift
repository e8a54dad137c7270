internal import NIOCore

/// What the client of a connection owes next, and by when: a pure state machine, deadlines in, actions out.
///
/// A client that does something of it in time, however little, gets time for the rest.
struct ClientDebt {
    private enum Owed {
        case nothing
        case head
        case body
        /// To take what was written, of which so many bytes were left when this was asked.
        case taking(left: Int)
        /// To take what is left of an answer, and then to ask for something else.
        case request(left: Int, since: NIODeadline)
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

    private let settings: HTTPSettings
    private let clock: LoopClock
    private var owed = Owed.head
    /// When the client must have done what it owes; checked by the loop's ticker.
    private(set) var deadline: NIODeadline

    /// A client that has just connected: it owes a head.
    init(settings: HTTPSettings, clock: LoopClock) {
        self.settings = settings
        self.clock = clock
        deadline = clock.deadline(in: settings.headTimeout)
    }

    mutating func oweNothing() {
        owed = .nothing
        deadline = .distantFuture
    }

    mutating func oweHead() { owe(.head, within: settings.headTimeout) }
    mutating func oweBody() { owe(.body, within: settings.bodyTimeout) }
    mutating func oweEnd() { owe(.end, within: Self.endTimeout) }

    /// - Parameter left: bytes that the client has not taken yet.
    mutating func oweTaking(left: Int) { owe(.taking(left: left), within: settings.writeTimeout) }

    /// - Parameter left: as above; more than there is where nobody has asked the system.
    mutating func oweRequest(left: Int) {
        owe(.request(left: left, since: clock.now), within: min(settings.writeTimeout, settings.keepAliveTimeout))
    }

    private mutating func owe(_ owed: Owed, within time: TimeAmount) {
        self.owed = owed
        deadline = clock.deadline(in: time)
    }

    /// The deadline has passed.
    ///
    /// - Parameters:
    ///   - isInsideHead: whether a head has begun to arrive.
    ///   - left: bytes that the client has not taken yet.
    mutating func lapse(isInsideHead: Bool, left: Int) -> Lapse {
        switch owed {
        case .nothing: return .nothing
        case .end: return .gone
        case .head: return isInsideHead ? .slowHead : .gone
        case .body:
            oweNothing()
            return .slowBody
        case .taking(let before):
            guard left < before else { return .gone }
            oweTaking(left: left)
        case .request(let before, _) where left > 0:
            guard left < before else { return .gone }
            owe(.request(left: left, since: clock.now), within: settings.writeTimeout)
        case .request(_, let since):
            let end = since + settings.keepAliveTimeout
            guard end > clock.now else { return .gone }
            owe(.request(left: 0, since: since), within: end - clock.now)
        }
        return .nothing
    }
}
