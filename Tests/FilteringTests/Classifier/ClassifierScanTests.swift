import Foundation
import Testing

@testable import Filtering

@Suite("Scores of the classifier")
struct ClassifierScanTests {
    /// A model with random weights, half of them of the largest size; its second head judges a text as a whole.
    static func model(seed: UInt64 = 1, bits: Int = 10) -> ClassifierModel {
        var random = SplitMix64(seed: seed)
        let rows = (0..<(1 << bits)).map { _ in
            var row = SIMD8<Int8>()
            for head in 0..<8 {
                row[head] = random.below(2) == 0 ? (random.below(2) == 0 ? 127 : -127) : Int8(random.below(20))
            }
            return row
        }
        let heads = ["a", "whole", "b"].enumerated().map { index, name in
            ClassifierModel.Head(
                name: name, category: Category("test.\(name)"), scale: 0.01, bias: -0.5,
                lengthSixteenths: 8 + 2 * index,
                judgesWhole: name == "whole", usual: 0, unusual: 1, thresholds: [.init(rate: 0.1, score: 0.3)])
        }
        return ClassifierModel(heads: heads, calibration: .init(slope: 1, offset: 0), bits: bits, rows: rows)
    }

    struct Scored: Equatable {
        var range: Range<Int>
        var scores: SIMD8<Double>
    }

    static func stretches(
        _ text: String, _ model: ClassifierModel, cutting size: Int = .max, judgesWhole: Bool = true
    ) -> [Scored] {
        let view = CodePointView(.folded)
        var (scan, found, offset) = (ClassifierScan(model, judgesWhole: judgesWhole), [Scored](), 0)
        for piece in Pieces.of(text, bytes: size) {
            piece.withUnsafeBufferPointer {
                scan.take($0, original: offset, view) { found.append(Scored(range: $0.range, scores: $0.scores)) }
            }
            offset += piece.count
        }
        scan.finish { found.append(Scored(range: $0.range, scores: $0.scores)) }
        return found
    }

    @Test("are the same for the same stretches wherever a text is cut", arguments: 0..<30)
    func chunks(seed: Int) {
        var random = SplitMix64(seed: UInt64(seed))
        let model = Self.model(seed: UInt64(seed))
        let text = RandomText.make(&random, characters: 100 + random.below(2_000))
        let whole = Self.stretches(text, model)
        for size in [1, 2, 7, 64, 300] {
            #expect(Self.stretches(text, model, cutting: size) == whole, "cut every \(size) bytes")
        }
    }

    @Test("are what adding up weights one by one gives", arguments: [0, 1, 299, 300, 301, 600, 601, 1_777])
    func sums(count: Int) throws {
        var random = SplitMix64(seed: UInt64(count))
        // One byte of it is one folded byte.
        let text = String(
            (0..<count).map { $0 % 7 == 6 ? " " : random.pick(Array($0 % 2 == 0 ? "abcdef" : "ghijklm")) })
        let model = Self.model()
        var blocks: [(sums: [Int], features: Int)] = [([0, 0, 0], 0)]
        var (hashes, bytes) = (ClassifierFeatures(bits: model.bits), 0)
        var (seen, once) = (Set<Int>(), (sums: [0, 0, 0], features: 0))
        func add(_ row: Int, _ isOfWords: Bool) {
            let weight = isOfWords ? 2 : 1
            if seen.insert(row).inserted {
                once.sums[1] += Int(model.rows[row][1]) * weight
                once.features += weight
            }
            for head in 0..<3 { blocks[blocks.count - 1].sums[head] += Int(model.rows[row][head]) * weight }
            blocks[blocks.count - 1].features += weight
        }
        for byte in text.utf8 {
            if bytes == 300 { (blocks, bytes) = (blocks + [([0, 0, 0], 0)], 0) }
            hashes.take(byte, emit: add)
            bytes += 1
        }
        hashes.finish(emit: add)
        func score(_ head: Int, _ blocks: ArraySlice<(sums: [Int], features: Int)>) -> Double {
            let (sum, features) = (blocks.map { $0.sums[head] }.reduce(0, +), blocks.map(\.features).reduce(0, +))
            let length = pow(Double(max(features, 1)), Double(model.heads[head].lengthSixteenths) / 16)
            return Double(sum) * 0.01 / length - 0.5
        }
        let found = Self.stretches(text, model)
        let pairs = blocks.count == 1 ? [blocks[0...0]] : (1..<blocks.count).map { blocks[($0 - 1)...$0] }
        #expect(found.count == pairs.count + 1)
        for (stretch, pair) in zip(found, pairs) {
            for head in [0, 2] { #expect(abs(stretch.scores[head] - score(head, pair)) < 1e-9) }
            #expect(stretch.scores[1] == -.infinity)
        }
        let whole = try #require(found.last)
        #expect(abs(whole.scores[1] - score(1, [once])) < 1e-9 && whole.scores[0] == -.infinity)
        #expect(whole.range == 0..<count)
        #expect(Self.stretches(text, model, judgesWhole: false) == found.dropLast())
    }

    @Test("of a text as a whole are the same however often it says the same")
    func repeats() {
        let text = String(repeating: "many words, and more of them. ", count: 3)
        func whole(_ text: String) -> Double? { Self.stretches(text, Self.model()).last?.scores[1] }
        #expect(whole(text) == whole(text + text + text))
        #expect(whole(text) != whole(text + "others"))
    }

    @Test("lie in ranges that cover the text and overlap by one block")
    func ranges() {
        let text = String(repeating: "word ", count: 400)
        let found = Self.stretches(text, Self.model()).dropLast()
        #expect(found.first?.range.lowerBound == 0 && found.last?.range.upperBound == text.utf8.count)
        for (one, next) in zip(found, found.dropFirst()) { #expect(one.range.overlaps(next.range)) }
    }

    @Test(
        "know the logistic function and powers as the C library does",
        arguments: Array(stride(from: -29.0, to: 29, by: 0.37)))
    func functions(x: Double) {
        #expect(abs(Sigmoid.of(x) - 1 / (1 + exp(-x))) < 1e-12)
        let count = exp(abs(x) / 3)
        for sixteenths in 0...31 {
            let power = pow(count, Double(sixteenths) / 16)
            #expect(abs(Roots(count).power(sixteenths: sixteenths) / power - 1) < 1e-12)
        }
    }
}

@Suite("A classifier's file")
struct ClassifierFileTests {
    @Test("gives back the model that was written, byte for byte")
    func roundTrip() throws {
        let model = ClassifierScanTests.model()
        let read = try ClassifierModel(file: model.file)
        #expect(read.heads == model.heads && read.calibration == model.calibration && read.bits == model.bits)
        #expect(read.file == model.file)
    }

    @Test("is refused with the reason where it is spoilt")
    func spoilt() throws {
        let file = ClassifierScanTests.model().file
        func reason(_ bytes: [UInt8]) -> String {
            do throws(ClassifierModel.FileError) {
                _ = try ClassifierModel(file: bytes)
                return "accepted"
            } catch {
                return error.description
            }
        }
        func changed(_ old: String, _ new: String) throws -> [UInt8] {
            let line = try #require(file.firstIndex(of: 0x0A))
            let header = String(decoding: file[..<line], as: UTF8.self)
            #expect(header.contains(old))
            return Array(header.replacingOccurrences(of: old, with: new).utf8) + file[line...]
        }
        #expect(reason([]).contains("line of JSON"))
        #expect(reason(Array("{\n".utf8)).contains("no JSON"))
        #expect(reason(Array("[]\n".utf8)).contains("`format`"))
        #expect(reason(file.dropLast()).contains("bytes of weights"))
        #expect(reason(file + [0]).contains("bytes of weights"))
        #expect(reason(try changed("classifier/2", "classifier/1")).contains("steward-classifier/1"))
        #expect(reason(try changed("\"bits\":10", "\"bits\":1e14")).contains("2^"))
        #expect(
            reason(try changed("\"bits\":10", "\"bits\":10.5")) == "`bits` in its first line must be a whole number.")
        #expect(reason(try changed("\"unusual\":1.0", "\"unusual\":0.0")).contains("numbers that can't be"))
        #expect(reason(try changed("\"scale\":0.01", "\"scale\":\"x\"")).contains("`scale`"))
        #expect(reason(try changed("\"scale\":0.01", "\"scale\":1e308")).contains("numbers that can't be"))
        #expect(reason(try changed("\"slope\":1.0", "\"slope\":-1.0")).contains("calibration"))
        #expect(reason(try changed("\"rate\":0.1", "\"rate\":-5.0")).contains("numbers that can't be"))
        #expect(reason(try changed("\"name\":\"a\"", "\"name\":\"a\\u0000\"")).contains("is no name"))
    }

    @Test("that is shipped knows a category of the catalogue for each head")
    func shipped() throws {
        let catalogue = try Taxonomy.shipped()
        for head in try ClassifierModel.shipped().heads { #expect(catalogue[head.category] != nil, "\(head.name)") }
    }
}
