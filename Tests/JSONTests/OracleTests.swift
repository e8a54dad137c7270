import CSimdjson
import JSON
import Testing

@Suite("Against simdjson")
struct OracleTests {
    /// simdjson's dump of the tree, or `nil` if it refuses the text.
    private func dump(_ text: [UInt8]) -> [UInt8]? {
        var code: Int32 = 0
        let output = [UInt8](unsafeUninitializedCapacity: text.count * 24 + 64) { buffer, count in
            code = csimdjson_dump(text, text.count, buffer.baseAddress, buffer.count, &count)
        }
        return code == 0 ? output : nil
    }

    /// Ours may be the stricter, never the laxer; and what both accept they read alike.
    ///
    /// Laxer in one point: integers beyond 64 bits keep their text here.
    private func compare(_ text: [UInt8]) -> Bool {
        let theirs = dump(text)
        do {
            let document = try JSONDocument(parsing: text)
            let ours = Value(document.root, of: document)
            guard !ours.hasLongInteger else { return true }
            #expect(
                theirs == ours.dump, "accepted here, read otherwise there: \(String(decoding: text, as: UTF8.self))")
            // What the upstream is sent says the same.
            #expect(dump(Array(document.serialised().utf8)) == theirs)
            return true
        } catch {
            let isStricter = [.duplicateKey, .tooDeep, .byteOrderMark].contains(error.problem)
            // A number like 1e999, which simdjson refuses too, may stand in a text with another fault.
            #expect(theirs == nil || isStricter, "\(error.message) \(String(decoding: text, as: UTF8.self))")
            return false
        }
    }

    @Test("reads random documents alike", arguments: 0..<100)
    func readsAlike(seed: Int) {
        var documents = Documents(seed: UInt64(seed))
        let value = documents.value()
        #expect(compare(Array(documents.spelling(of: value).utf8)))
    }

    @Test("judges mutated documents alike", arguments: 0..<40)
    func judgesMutationsAlike(seed: Int) {
        var documents = Documents(seed: UInt64(seed) + 1000)
        var accepted = 0
        for _ in 0..<25 {
            let text = Array(documents.spelling(of: documents.object()).utf8.prefix(300))
            for _ in 0..<20 {
                if compare(mutate(text, &documents.random)) { accepted += 1 }
            }
        }
        // Both outcomes are common, or the mutations prove little.
        #expect((25...475).contains(accepted), "\(accepted) of 500")
    }

    private static let pieces: [[UInt8]] = [
        "\"", "\\", "{", "}", "[", "]", ",", ":", " ", "0", "-", ".", "e", "1e999", "01", "null", "tru", "\\u",
        "\\ud800",
        "\\udc00", "\n", "\0", "\u{7F}", "\u{FEFF}", "é", "1.5", ",,", "\"a\":1,", "\"a\":1,\"a\":1",
    ].map { Array($0.utf8) }

    private func mutate(_ text: [UInt8], _ random: inout Seeded) -> [UInt8] {
        var text = text
        for _ in 0...random.below(2) {
            let place = random.below(text.count + 1)
            switch random.below(6) {
            case 0 where place < text.count: text[place] = UInt8(random.below(256))
            case 1 where place < text.count: text[place] ^= 1 << UInt8(random.below(8))
            case 2 where place < text.count: text.remove(at: place)
            case 3: text.removeSubrange(place..<min(text.count, place + random.below(5)))
            case 4:
                let start = random.below(text.count + 1)
                text.insert(contentsOf: text[start..<min(text.count, start + random.below(8))], at: place)
            default: text.insert(contentsOf: random.pick(Self.pieces), at: place)
            }
        }
        return text
    }

    @Test("judges every byte at every place of a small document alike")
    func judgesEveryByteAlike() {
        let text = Array(#"{"aé":[-1.5e+2,"\u00e9\n",true,null,{}],"b":0}"#.utf8)
        for place in text.indices {
            for byte in UInt8.min...UInt8.max {
                var changed = text
                changed[place] = byte
                _ = compare(changed)
            }
        }
    }
}
