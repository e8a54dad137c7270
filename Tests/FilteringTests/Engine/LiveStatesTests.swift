import Testing

@testable import Filtering

@Suite("States of matches under way")
struct LiveStatesTests {
    static let policy = Result { try Fixture.policy(Fixture.all, Fixture.verdicts.mapValues { _ in .redact }) }

    /// What the states say, offset by offset, against a walk of each rule from the text's beginning.
    @Test(
        "name every rule whose match may go on, also where they are forgotten again and again",
        arguments: [1, 2_000, 20_000, FilterPolicy.statesBytesMax], 0..<12 as Range<UInt64>)
    func namesAll(_ bytesMax: Int, _ seed: UInt64) throws {
        var random = Seeded(state: seed)
        let policy = try Self.policy.get()
        let matcher = PatternMatcher()
        for view in Rule.View.allCases {
            let states = LiveStates(policy[.completion].held[view].keeping(bytesMax))
            let text = Array(ChunkingTests.randomText(&random).utf8)
            var bytes = [UInt8](repeating: 0, count: text.count)
            text.withUnsafeBufferPointer { text in
                bytes.withUnsafeMutableBufferPointer { bytes in
                    guard view == .skeleton, let base = bytes.baseAddress else {
                        _ = bytes.update(from: text)
                        return
                    }
                    Skeleton.write(text, to: base)
                }
            }
            bytes.withUnsafeBufferPointer { bytes in
                guard let base = bytes.baseAddress else { return }
                let window = Window(bytes: base, start: 0, end: bytes.count, isComplete: false)
                var position = states.position(at: 0, window)
                for offset in bytes.indices {
                    let quiet = states.follow(&position, window, offset..<offset + 1)
                    let alive = policy.rules.compiled.filter { rule in
                        rule.rule.view == view
                            && matcher.run(rule.program, window.cut(at: offset + 1), from: 0, to: offset + 1) { _, _ in
                            }
                                != nil
                    }
                    #expect(Set(alive.map(\.index)).isSubset(of: states.alive(position)))
                    #expect((quiet == nil) == !states.alive(position).isEmpty)
                }
            }
        }
    }

    @Test("keep no more bytes than they may, however many states a text asks for")
    func bounded() throws {
        // 200 places of the pattern are under way at once, and which, the text decides.
        let rule = Rule(id: "wide", category: Category("c"), pattern: "a[ab]{1,200}c")
        let policy = try Fixture.policy([rule])
        let bytesMax = 100_000
        let states = LiveStates(policy[.completion].held[.normalised].keeping(bytesMax))
        var random = Seeded(state: 5)
        let text = (0..<20_000).map { _ in Bool.random(using: &random) ? UInt8(ascii: "a") : UInt8(ascii: "b") }
        var (kept, forgotten) = (0, 0)
        text.withUnsafeBufferPointer { text in
            guard let base = text.baseAddress else { return }
            let window = Window(bytes: base, start: 0, end: text.count, isComplete: false)
            var position = states.position(at: 0, window)
            for offset in text.indices {
                _ = states.follow(&position, window, offset..<offset + 1)
                if states.keptBytes < kept { forgotten += 1 }
                kept = states.keptBytes
                #expect(kept < bytesMax + 4_000)
            }
        }
        #expect(forgotten > 10)
    }

    @Test("bytes are told apart exactly where some set does", arguments: 0..<8 as Range<UInt64>)
    func classes(_ seed: UInt64) {
        var random = Seeded(state: seed)
        let sets = (0..<6).map { _ in
            ByteSet((0...255 as ClosedRange<UInt8>).filter { _ in Int.random(in: 0..<4, using: &random) == 0 })
        }
        let classes = ByteClasses(sets)
        for left in 0...255 as ClosedRange<UInt8> {
            for right in left...255 {
                let isSame = (sets + [.word, ByteSet([0x0A])]).allSatisfy { $0.contains(left) == $0.contains(right) }
                #expect((classes[left] == classes[right]) == isSame)
            }
        }
    }
}

extension HeldRules {
    fileprivate func keeping(_ bytesMax: Int) -> HeldRules {
        HeldRules(rules, view, indices.map { rules.compiled[$0] }, statesBytesMax: bytesMax)
    }
}
