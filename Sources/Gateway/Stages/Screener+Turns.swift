internal import Filtering

/// The turn that a request has on its loop: how much it has screened since others last had theirs.
///
/// Counts all texts of a request together, since many short ones take as long as a long one.
struct ScreeningTurn {
    private var bytes = 0

    /// However short a text is, it takes its time.
    private static let textBytesMin = 512

    /// Takes so many bytes more into the turn; whether others must have theirs before that.
    mutating func isOver(before count: Int) -> Bool {
        let count = min(max(count, Self.textBytesMin), SlicedScreening.sliceBytes)
        let isOver = bytes + count > SlicedScreening.sliceBytes
        bytes = isOver ? count : bytes + count
        return isOver
    }
}

extension Screener {
    /// Screens all texts of a tree in one go.
    func screen(_ passage: borrowing Passage, side: Side, policy: FilterPolicy) -> Screening {
        passage.bytes.withUnsafeBufferPointer { screen($0, passage.breaks, side: side, policy: policy) }
    }

    /// Screens one text of a request, or all of a tree in one go; whenever the request has had its turn, the other
    /// connections of the loop have theirs.
    ///
    /// - Parameter letOthersRun: gives up the loop, and throws where nobody waits any more; then no more is screened.
    func screen(
        _ text: [UInt8], _ breaks: [TextBreak] = [], side: Side, policy: FilterPolicy, _ turn: inout ScreeningTurn,
        letOthersRun: () async throws(PathExit) -> Void
    ) async throws(PathExit) -> Screening {
        let work = text.count + breaks.count * SlicedScreening.breakBytes
        if turn.isOver(before: work) { try await letOthersRun() }
        guard work > SlicedScreening.sliceBytes else {
            return text.withUnsafeBufferPointer { screen($0, breaks, side: side, policy: policy) }
        }
        let slices = slices(of: text, breaks, side: side, policy: policy)
        while slices.goOn() { try await letOthersRun() }
        return slices.finish()
    }
}

extension LoopExecutor {
    /// Lets others run in the middle of work for a client; throws if that has left meanwhile, or sends nothing more, which
    /// looks the same.
    func letOthersRun(for exchange: Exchange) async throws(PathExit) {
        await letOthersRun()
        guard exchange.isAwaited() else { throw .clientLeft }
    }

    /// The same once the model has finished: its answer is still for who ended but one half of the connection.
    func letOthersRun(finishing exchange: Exchange) async throws(PathExit) {
        await letOthersRun()
        if exchange.clientLeft { throw .clientLeft }
    }
}
