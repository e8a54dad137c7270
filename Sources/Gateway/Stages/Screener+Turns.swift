internal import Filtering

extension Screener {
    /// Screens a text; between the slices of a long one, the other connections of the loop have their turn.
    func screen(
        _ text: [UInt8], side: Side, policy: FilterPolicy, yieldingOn executor: LoopExecutor
    ) async -> Screening {
        guard text.count > SlicedScreening.sliceBytes else {
            return text.withUnsafeBufferPointer { screen($0, side: side, policy: policy) }
        }
        let slices = slices(of: text, side: side, policy: policy)
        while slices.goOn() { await executor.letOthersRun() }
        return slices.finish()
    }
}
