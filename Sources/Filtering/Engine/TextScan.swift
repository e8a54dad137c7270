/// One text on its way through both views; what it sees is in `log`.
final class TextScan {
    let policy: FilterPolicy
    let side: PolicySide
    let lanes: [Lane]
    var log = FindingLog()
    /// Original bytes so far.
    private(set) var fed = 0

    /// Pieces are scanned in parts of at most so many bytes, which bounds what one part can find.
    static let partBytesMax = 2_048

    init(_ policy: FilterPolicy, _ side: Side) {
        self.policy = policy
        self.side = policy[side]
        lanes = Rule.View.allCases.compactMap { view in
            policy.rules.views.contains(view) ? Lane(view, policy, side) : nil
        }
    }

    /// Scans a part of at most `partBytesMax` bytes, in whole characters.
    func scan(_ part: UnsafeBufferPointer<UInt8>, _ tools: ScanTools) {
        let original = fed
        let isASCII = UTF8Decoding.isASCII(part)
        fed += part.count
        tools.hits.prepare(for: side.isActive, policy, side.side)
        for lane in lanes {
            lane.append(part, original: original, isASCII: isASCII, tools.map(lane.view))
            lane.scan(tools, policy.rules, isComplete: false, fed: fed) { log.add($0) }
        }
    }

    /// Scans what only the end of the text decides.
    func finish(_ tools: ScanTools) {
        tools.hits.prepare(for: side.isActive, policy, side.side)
        for lane in lanes { lane.scan(tools, policy.rules, isComplete: true, fed: fed) { log.add($0) } }
    }

    /// Makes final what can be; to be called after `log.settle`.
    func trim() {
        if !log.open.isEmpty { log.close(upTo: lanes.map(\.settled).min() ?? fed, side) }
        for lane in lanes { lane.trim() }
    }

    /// The parts of a piece: at most `partBytesMax` bytes each, cut between characters.
    static func forEachPart(of piece: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Bool) {
        var start = 0
        while start < piece.count {
            var end = min(start + partBytesMax, piece.count)
            while end < piece.count, end > start + 1, piece[end] & 0xC0 == 0x80 { end -= 1 }
            guard body(UnsafeBufferPointer(rebasing: piece[start..<end])) else { return }
            start = end
        }
    }
}
