import JSON
import Testing

@Suite("Numbers")
struct NumberTests {
    private func number(_ text: String) -> (document: JSONDocument, node: JSONNode)? {
        (try? JSONDocument(parsing: Array(text.utf8))).map { ($0, $0.root) }
    }

    /// 2¹⁰²⁴ − 2⁹⁷⁰ and its neighbours: halfway from the largest binary64 to the next power, which rounds to infinity.
    static let halfway = """
        1797693134862315807937289714053034150799341327100378269361737789804449682927647509466490179775872070\
        9633028641669288791094655554785194040263065748867150582068190890200070838367627385484581771153176447\
        5730270069855571366959622842914819860834936475292719074168444365510704342711559699508093042880177904\
        174497792
        """

    @Test("draws the line between finite and not exactly where rounding does")
    func drawsTheLine() {
        let below = Self.halfway.dropLast() + "1"
        for sign in ["", "-"] {
            #expect(number(sign + Self.halfway) == nil)
            #expect(number(sign + Self.halfway + ".0") == nil)
            #expect(number(sign + below) != nil)
            #expect(number(sign + below + ".999e0") != nil)
            #expect(number(sign + "0.\(below)9e309") != nil)
            #expect(number(sign + "0.000\(Self.halfway)e312") == nil)
            #expect(number(sign + "1\(String(repeating: "0", count: 308))") != nil)
            #expect(number(sign + "1\(String(repeating: "0", count: 309))") == nil)
            #expect(number(sign + "1\(String(repeating: "0", count: 999))e-999") != nil)
        }
    }

    @Test("agrees with the standard library on what is finite", arguments: 0..<10)
    func agreesOnFinite(seed: Int) {
        var random = Seeded(UInt64(seed))
        for _ in 0..<300 {
            var text = random.below(2) == 0 ? "-" : ""
            text += random.below(3) == 0 ? "0" : String(Int.random(in: 1...99_999, using: &random))
            if random.below(2) == 0 {
                text += String(repeating: "0", count: text.hasSuffix("0") ? 0 : random.below(320))
            }
            if random.below(2) == 0 {
                text += "." + String(repeating: "0", count: random.below(6)) + String(random.below(99_999))
            }
            text += "e\(random.pick(["", "+", "-"]))\(random.below(330))"
            let isFinite = (Double(text) ?? .nan).isFinite
            #expect((number(text) != nil) == isFinite, "\(text)")
            if let (document, node) = number(text) { #expect(document.double(node) == Double(text)) }
        }
    }

    static let integers: [(String, Int?)] = [
        ("0", 0), ("-0", 0), ("0.0", 0), ("0e5", 0), ("7", 7), ("-7", -7), ("3.0", 3), ("30e-1", 3), ("1e3", 1000),
        ("1.5e1", 15), ("0.3e1", 3), ("0.05", nil), ("1.5", nil), ("-0.1", nil), ("1e-1", nil), ("1e19", nil),
        ("9223372036854775807", .max), ("-9223372036854775808", .min), ("9223372036854775808", nil),
        ("-9223372036854775809", nil), ("922337203685477580.7e1", .max), ("123456789012345678901234567890", nil),
        ("9007199254740993", 9_007_199_254_740_993), ("1e18", 1_000_000_000_000_000_000), ("0.000", 0),
    ]

    @Test("gives integers exactly, or not at all", arguments: integers)
    func givesIntegers(text: String, expected: Int?) throws {
        let (document, node) = try #require(number(text))
        #expect(document.int(node) == expected)
        #expect(document.double(node) == Double(text))
        #expect(document.serialised() == text)
    }

    @Test("gives no number for what is none")
    func givesNoNumber() throws {
        let document = try JSONDocument(parsing: Array(#"["1",true,null,[1],{}]"#.utf8))
        for node in document.elements(of: document.root) {
            #expect(document.int(node) == nil)
            #expect(document.double(node) == nil)
        }
    }

    @Test(
        "gives the digits that its reader sees",
        arguments: [
            ("4111111111111111", "4111111111111111"), ("-4111111111111111e0", "4111111111111111"),
            ("4.111111111111111E15", "4111111111111111"), ("4111111111111111.0", "4111111111111111.0"),
            ("411111111111111100e-2", "4111111111111111.00"), ("0.04111111111111e+16", "411111111111100"),
            ("4e12", "4000000000000"), ("0.4111111111111111", "04111111111111111"), ("1.5e300", "15"),
            ("4.111111111111111", "4111111111111111"), ("0e999999999999999999", "0"),
        ])
    func givesDigits(_ text: String, _ expected: String) throws {
        let document = try JSONDocument(parsing: Array(text.utf8))
        var output: [UInt8] = []
        document.appendDigits(of: document.root, to: &output)
        #expect(String(decoding: output, as: UTF8.self) == expected)
    }
}
