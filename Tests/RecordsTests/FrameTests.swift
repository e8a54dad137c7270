import Testing

@testable import Records

@Suite("Journal frames")
struct FrameTests {
    @Test("read back as they were written, whatever is in them", arguments: 0..<10 as Range<UInt64>)
    func roundTrip(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var buffer = FrameBuffer()
        var frames: [Frame] = []
        for _ in 0..<20 {
            let admission = Samples.admission(using: &generator)
            let settlement = Samples.settlement(of: admission, using: &generator)
            buffer.append(admission)
            buffer.append(settlement)
            buffer.append(refused: admission, settlement)
            buffer.append(lost: admission.record, at: admission.at)
            frames += [
                .admission(admission), .settlement(settlement), .refused(admission, settlement),
                .lost(admission.record, at: admission.at),
            ]
        }
        buffer.seal()
        #expect(decode(Array(buffer.bytes.prefix(buffer.used))) == frames.map(clipped))
    }

    /// Catches an update that can't read what the version before left in the journal: without a charge and a cost, frames are
    /// byte for byte what they were.
    @Test("are what they were before there were budgets, where there is nothing to charge")
    func unchanged() {
        var buffer = FrameBuffer()
        let admission = Samples.admission()
        buffer.append(admission)
        buffer.append(Samples.settlement(of: admission))
        let lengths = [84 + 2 + 5 + 2 + 1, 65 + 2 + 5 + 2 + 2 + 1].map { $0 + Frame.prefixBytes + 1 }
        #expect(buffer.used == lengths.reduce(0, +))
    }

    @Test("are the Castagnoli check of RFC 3720")
    func check() {
        let vectors: [([UInt8], UInt32)] = [
            ([UInt8](repeating: 0, count: 32), 0x8A91_36AA), ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43),
            (Array(0..<32), 0x46DD_794E), (Array("123456789".utf8), 0xE306_9283),
        ]
        for (bytes, crc) in vectors {
            #expect(bytes.withUnsafeBytes { CRC32C.checksum(of: $0) } == crc)
        }
    }

    /// Strings are cut at 512 bytes, at a character's start.
    private func clipped(_ frame: Frame) -> Frame {
        func clip(_ text: String) -> String {
            var utf8 = Array(text.utf8.prefix(512))
            if text.utf8.count > 512 {
                while String(validating: utf8, as: UTF8.self) == nil { utf8.removeLast() }
            }
            return String(decoding: utf8, as: UTF8.self)
        }
        func clip(_ findings: [FindingCount]) -> [FindingCount] {
            findings.map {
                FindingCount(
                    rule: clip($0.rule), category: clip($0.category), clause: $0.clause.map(clip), verdict: $0.verdict,
                    count: $0.count)
            }
        }
        func clip(_ admission: Admission) -> Admission {
            var admission = admission
            admission.model = clip(admission.model)
            admission.callerRequestID = admission.callerRequestID.map(clip)
            admission.promptFindings = clip(admission.promptFindings)
            return admission
        }
        func clip(_ settlement: Settlement) -> Settlement {
            var settlement = settlement
            settlement.upstream = settlement.upstream.map(clip)
            settlement.refusal = settlement.refusal.map(clip)
            settlement.clause = settlement.clause.map(clip)
            settlement.completionFindings = clip(settlement.completionFindings)
            return settlement
        }
        return switch frame {
        case .admission(let admission): .admission(clip(admission))
        case .settlement(let settlement): .settlement(clip(settlement))
        case .refused(let admission, let settlement): .refused(clip(admission), clip(settlement))
        case .lost: frame
        }
    }

    private func decode(_ bytes: [UInt8]) -> [Frame] {
        bytes.withUnsafeBytes { all in
            var frames: [Frame] = []
            var start = 0
            while let (frame, next) = FrameDecoder.frame(in: all, at: start) {
                frames.append(frame)
                start = next
            }
            return frames
        }
    }
}
