import Foundation
import Testing

@testable import Filtering

@Suite("What code points become")
struct CodePointViewTests {
    static let codePoints = (0x80...0x10FFFF as ClosedRange<UInt32>).filter { Unicode.Scalar($0) != nil }

    @Test(
        "is the same when it is remembered, whole, and takes little room for all of them", arguments: Rule.View.allCases
    )
    func remembered(_ view: Rule.View) {
        let map = CodePointView(view)
        var bytesMax = 0
        var sums: [UInt64] = []
        for _ in 0..<2 {
            var sum: UInt64 = 0
            for codePoint in Self.codePoints {
                let mapped = map.map(codePoint)
                bytesMax = max(bytesMax, mapped?.count ?? 0)
                sum = (sum &+ UInt64(mapped.map { $0.count + 1 } ?? 0)) &* 0x100_0000_01B3
                for byte in mapped ?? UnsafeBufferPointer(start: nil, count: 0) {
                    sum = (sum ^ UInt64(byte)) &* 0x100_0000_01B3
                }
            }
            sums.append(sum)
        }
        #expect(sums[0] == sums[1])
        // None was cut off: four bytes more would have fitted.
        #expect(bytesMax + 4 <= CodePointView.resultBytesMax)
        #expect(map.keptBytes < 3 << 20)
    }

    @Test(
        "is asked of ICU once",
        arguments: [0xFDFA, 0x20000, 0x2F800, 0x1F600, 0xE0041, 0x10FFFF] as [UInt32])
    func askedOnce(_ codePoint: UInt32) {
        let map = CodePointView(.skeleton)
        func time(_ codePoint: UInt32) -> Int {
            _ = map.map(codePoint)
            return threadTime { for _ in 0..<20_000 { _ = map.map(codePoint) } }
        }
        // A look-up takes as long for each; ICU takes ten times as long as one even in a build for debugging.
        #expect(time(codePoint) < 5 * time(0xE9))
    }
}

@Suite("Plain ASCII")
struct PlainTextTests {
    @Test("is what a text has whose bytes are all plain, and what views leave as it is", arguments: Rule.View.allCases)
    func plain(_ view: Rule.View) {
        let map = CodePointView(view)
        for byte in 0...0xFF as ClosedRange<UInt8> {
            let isPlain = UTF8Decoding.isPlain(byte)
            for count in [1, 7, 40] {
                var text = [UInt8](repeating: 0x61, count: count)
                text[count / 2] = byte
                #expect(text.withUnsafeBufferPointer { UTF8Decoding.isPlain($0) } == isPlain)
            }
            let isSpace = (0x09...0x0D).contains(byte) || byte == 0x20
            #expect(isPlain == (isSpace || (0x21...0x7E).contains(byte)))
            if byte < 0x80, !isPlain { #expect(map.map(UInt32(byte))?.isEmpty == true) }
        }
        #expect(UTF8Decoding.isPlain(UnsafeBufferPointer(start: nil, count: 0)))
    }
}

/// Nanoseconds that `body` keeps this thread's processor busy, whatever else runs on the machine.
func threadTime(_ body: () -> Void) -> Int {
    func now() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }
    let start = now()
    body()
    return now() - start
}
