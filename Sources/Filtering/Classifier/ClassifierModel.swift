/// What the classifier knows: for each feature's row, eight weights of one byte, one for each head.
///
/// Sums of weights are integers, so that a score never depends on the order in which a text came.
package final class ClassifierModel {
    /// One thing that it judges.
    package struct Head: Sendable, Hashable {
        /// Its name, such as `hate`.
        package var name: String
        package var category: Category
        /// What a weight of one counts.
        package var scale: Double
        package var bias: Double
        /// Sums are divided by the number of features to the power of so many sixteenths: 8 is the root, 16 all of it. Only
        /// roots are taken, which every machine rounds alike.
        package var lengthSixteenths: Int
        /// Whether it judges a text as a whole, and no stretch of it, by which features it has and not by how often.
        package var judgesWhole: Bool
        /// What it scored on harmless texts at the 90th and 99th of a hundred, by which heads are compared.
        package var usual: Double
        package var unusual: Double
        /// By rate of false positives, the score above which so many harmless texts lie. Rates descend.
        package var thresholds: [Threshold]

        package struct Threshold: Sendable, Hashable {
            /// Of harmless texts, the share above the score.
            package var rate: Double
            package var score: Double
        }

        /// The score from which on at most a share of harmless texts lies; `nil` if none was measured for that rate.
        package func threshold(falsePositives rate: Double) -> Double? {
            thresholds.first { $0.rate == rate }?.score
        }
    }

    /// How scores become probabilities: 1 / (1 + e^-(slope · unit + offset)), where `unit` is 0 at a head's usual score and 1
    /// at its unusual one.
    package struct Calibration: Sendable, Hashable {
        package var slope: Double
        package var offset: Double
    }

    /// So many numbers stand side by side in a row.
    package static let headsMax = 8

    package let heads: [Head]
    package let calibration: Calibration
    /// Rows are 2 to the power of it.
    package let bits: Int
    let rows: UnsafePointer<SIMD8<Int8>>
    // Of all heads side by side; -∞ stands for a head that is not there.
    private let scales: SIMD8<Double>
    private let biases: SIMD8<Double>
    /// By head, the sixteenths of its length; those of a text as a whole apart.
    private let lengths: [Int]
    let judgesWhole: SIMDMask<SIMD8<Int64>>
    let hasWhole: Bool

    package static let bitsRange = 8...22

    /// - Precondition: at most eight heads, and as many rows as `bits` say.
    init(heads: [Head], calibration: Calibration, bits: Int, rows: [SIMD8<Int8>]) {
        precondition((1...Self.headsMax).contains(heads.count) && Self.bitsRange.contains(bits))
        precondition(rows.count == 1 << bits, "A model has 2^bits rows.")
        let copy = UnsafeMutablePointer<SIMD8<Int8>>.allocate(capacity: rows.count)
        rows.withUnsafeBufferPointer { if let base = $0.baseAddress { copy.initialize(from: base, count: rows.count) } }
        (self.heads, self.calibration, self.bits, self.rows) = (heads, calibration, bits, UnsafePointer(copy))
        var (scales, biases) = (SIMD8<Double>(), SIMD8<Double>(repeating: -.infinity))
        var whole = SIMDMask<SIMD8<Int64>>()
        for (index, head) in heads.enumerated() {
            (scales[index], biases[index], whole[index]) = (head.scale, head.bias, head.judgesWhole)
        }
        (self.scales, self.biases, judgesWhole) = (scales, biases, whole)
        hasWhole = heads.contains(where: \.judgesWhole)
        lengths = heads.map(\.lengthSixteenths)
    }

    deinit { UnsafeMutablePointer(mutating: rows).deallocate() }

    /// The scores of the heads that are asked, as logarithms of odds: higher is likelier; -∞ for the others. Heads are not
    /// comparable by them.
    func scores(
        _ sums: SIMD8<Int32>, features: Int32, where isAsked: SIMDMask<SIMD8<Int64>>
    ) -> SIMD8<Double> {
        let roots = Roots(Double(max(features, 1)))
        var powers = SIMD8<Double>(repeating: 1)
        for (head, length) in lengths.enumerated() { powers[head] = roots.power(sixteenths: length) }
        return (SIMD8<Double>(sums) * scales / powers + biases).replacing(with: -.infinity, where: .!isAsked)
    }

    /// By category, how likely scores of all heads make it, from 0 to 1; 0 where there is no score.
    package func probabilities(of scores: SIMD8<Double>) -> [(category: Category, probability: Double)] {
        heads.indices.map { (heads[$0].category, probability($0, score: scores[$0])) }
    }

    /// The categories of the heads that gave a score.
    package func scored(_ scores: SIMD8<Double>) -> Set<Category> {
        Set(heads.indices.filter { scores[$0].isFinite }.map { heads[$0].category })
    }

    /// How likely a score makes it, from 0 to 1; of all heads on one scale. 0 where there is no score.
    package func probability(_ head: Int, score: Double) -> Double {
        guard score.isFinite else { return 0 }
        let (usual, unusual) = (heads[head].usual, heads[head].unusual)
        return Sigmoid.of(calibration.slope * (score - usual) / (unusual - usual) + calibration.offset)
    }
}

// Rows are never written after `init`.
extension ClassifierModel: @unchecked Sendable {}

/// Powers by square roots alone, which IEEE 754 has every machine round alike.
struct Roots {
    private let count: Double
    private let half: Double
    private let quarter: Double
    private let eighth: Double
    private let sixteenth: Double

    init(_ count: Double) {
        self.count = count
        half = count.squareRoot()
        quarter = half.squareRoot()
        eighth = quarter.squareRoot()
        sixteenth = eighth.squareRoot()
    }

    /// count^(sixteenths / 16), for 0 to 31.
    func power(sixteenths: Int) -> Double {
        var product = sixteenths & 16 != 0 ? count : 1
        if sixteenths & 8 != 0 { product *= half }
        if sixteenths & 4 != 0 { product *= quarter }
        if sixteenths & 2 != 0 { product *= eighth }
        if sixteenths & 1 != 0 { product *= sixteenth }
        return product
    }
}

/// The logistic function from + - · / alone, so that training gives the same weights on every machine.
enum Sigmoid {
    /// 1 / (1 + e^-x), to 12 digits, for arguments as far as ±30.
    static func of(_ x: Double) -> Double {
        let x = max(-30, min(30, -x))
        // e^x = 2^k · e^r, |r| < 0.35; ln 2 in two parts, the first of which is exact in few digits (Cody and Waite).
        let k = (x * 1.4426950408889634 + 0.5).rounded(.down)
        let r = x - k * 0.693145751953125 - k * 1.4286068203094172e-06
        var power = 1.0
        for term in (1...12).reversed() { power = 1 + power * r / Double(term) }
        return 1 / (1 + Double(sign: .plus, exponent: Int(k), significand: power))
    }
}
