import Testing

@testable import Rehearsal

@Suite("What the rehearsal model composes")
struct ComposingTests {
    /// Texts of every kind of scalar, alike on every run.
    static let texts: [String] = (0..<200).map { index in
        var seed = Seed(UInt64(index))
        let alphabets = ["ab c", "a1.,  \n", "é\u{0301}ß 中文", "👩‍👩‍👧 x", "\u{200B}4 1１"]
        return seed.characters(index % 60, from: alphabets[index % alphabets.count])
    }

    @Test("Word pieces, joined, are the text again, and none is empty or longer than a space and eight scalars")
    func piecesAreTheText() {
        for text in Self.texts {
            let pieces = WordPieces.split(text)
            #expect(Array(pieces.joined().utf8) == Array(text.utf8))
            #expect(pieces.allSatisfy { (1...9).contains($0.unicodeScalars.count) })
        }
    }

    @Test("A cut text has as many parts as asked for, or as it has scalars", arguments: [1, 2, 5, 16, 1_000])
    func cutsAreTheText(parts: Int) {
        for text in Self.texts where !text.isEmpty {
            let pieces = WordPieces.cut(text, into: parts)
            #expect(pieces.count == min(parts, text.unicodeScalars.count))
            #expect(Array(pieces.joined().utf8) == Array(text.utf8))
            #expect(!pieces.contains(""))
        }
    }

    @Test("Card numbers pass Luhn's check and IBANs mod 97, for every seed")
    func checksumsHold() {
        for number in 0..<500 {
            let card = Violation.card.value(Seed(UInt64(number)))
            let digits = card.utf8.reversed().map { Int($0) - 0x30 }
            let sum = digits.enumerated().reduce(0) { sum, item in
                let doubled = item.element * 2
                return sum + (item.offset.isMultiple(of: 2) ? item.element : doubled / 10 + doubled % 10)
            }
            #expect(card.utf8.count == 16 && sum.isMultiple(of: 10))

            let iban = Violation.iban.value(Seed(UInt64(number)))
            let turned = iban.dropFirst(4) + iban.prefix(4)
            let remainder = turned.flatMap {
                String($0.isLetter ? $0.asciiValue.map { Int($0) - 55 } ?? 0 : $0.wholeNumberValue ?? 0)
            }
            .reduce(0) { ($0 * 10 + ($1.wholeNumberValue ?? 0)) % 97 }
            #expect(iban.count == 22 && remainder == 1)
        }
    }

    @Test("German tax numbers have eleven digits, do not begin with zero, and pass MOD 11,10")
    func taxNumbersHold() {
        for number in 0..<500 {
            let digits = Violation.nationalID.value(Seed(UInt64(number))).utf8.map { Int($0) - 0x30 }
            var product = 10
            for digit in digits.dropLast() {
                let sum = (digit + product) % 10
                product = (sum == 0 ? 10 : sum) * 2 % 11
            }
            #expect(digits.count == 11 && digits[0] != 0 && (product + digits[10]) % 10 == 1 % 10)
        }
    }

    @Test("A violation is alike for alike seeds and differs between seeds", arguments: Violation.allCases)
    func violationsAreSeeded(kind: Violation) {
        #expect(kind.value(Seed(1)) == kind.value(Seed(1)))
        #expect(Set((0..<20).map { kind.value(Seed($0)) }).count > 10)
    }

    @Test("A disguise changes every byte run of the value but not what a normaliser makes of it")
    func disguisesAreUndone() {
        let card = Violation.card.value(Seed(7))
        for disguise in Disguise.allCases {
            let dressed = disguise(card)
            #expect(dressed != card)
            let undone = dressed.unicodeScalars.compactMap { scalar -> Unicode.Scalar? in
                if [0x200B, 0xAD, 0x20].contains(scalar.value) { return nil }
                return scalar.value >= 0xFF01 ? Unicode.Scalar(scalar.value - 0xFEE0) : scalar
            }
            #expect(String(String.UnicodeScalarView(undone)) == card)
        }
    }

    @Test(
        "Sampled values satisfy the schema",
        arguments: [
            #"{"type":"object","properties":{"a":{"type":"integer","minimum":3,"maximum":4}},"required":["a"]}"#,
            #"{"type":"array","items":{"enum":["x","y"]},"minItems":3,"maxItems":3}"#,
            #"{"type":["null","string"],"maxLength":3}"#,
            ##"{"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{"next":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}}}}}"##,
            #"{"type":"number","exclusiveMinimum":0,"exclusiveMaximum":1}"#,
            #"{"type":"integer","multipleOf":7,"minimum":8}"#,
            #"{"type":"string","minLength":30}"#,
            #"{"const":{"k":[1,2]}}"#,
            #"{"allOf":[{"type":"object","properties":{"a":{"type":"boolean"}}},{"type":"object","properties":{"b":{"type":"null"}}}]}"#,
        ])
    func samplesSatisfy(text: String) throws {
        let schema = try Value(parsing: Array(text.utf8))
        for number in 0..<50 {
            var sample = SchemaSample(schema, Seed(UInt64(number)), piecesMax: 10_000)
            let value = sample.value()
            #expect(Self.satisfies(value, schema, schema), "\(value)")
        }
    }

    /// A validator of the keywords in use, written the other way round than the sampler.
    static func satisfies(_ value: Value, _ schema: Value, _ root: Value) -> Bool {
        if let target = schema["$ref"]?.text {
            let name = String(target.split(separator: "/").last ?? "")
            return satisfies(value, root["$defs"]?[name] ?? [:], root)
        }
        if let constant = schema["const"] { return value == constant }
        if let choices = schema["enum"]?.elements { return choices.contains(value) }
        if let choices = schema["anyOf"]?.elements { return choices.contains { satisfies(value, $0, root) } }
        if let parts = schema["allOf"]?.elements { return parts.allSatisfy { satisfies(value, $0, root) } }
        let types = schema["type"]?.text.map { [$0] } ?? schema["type"]?.elements?.compactMap(\.text) ?? []
        switch value {
        case .null: return types.contains("null")
        case .bool: return types.contains("boolean")
        case .string(let text):
            let length = text.unicodeScalars.count
            let range = (schema["minLength"]?.integer ?? 0)...(schema["maxLength"]?.integer ?? .max)
            return types.contains("string") && range.contains(length)
        case .number:
            guard let number = value.double else { return false }
            let multiple = schema["multipleOf"]?.double ?? (types.contains("integer") ? 1 : 0)
            return number >= schema["minimum"]?.double ?? -.infinity && number <= schema["maximum"]?.double ?? .infinity
                && number > schema["exclusiveMinimum"]?.double ?? -.infinity
                && number < schema["exclusiveMaximum"]?.double ?? .infinity
                && (multiple == 0 || number.truncatingRemainder(dividingBy: multiple) == 0)
        case .array(let elements):
            let range = (schema["minItems"]?.integer ?? 0)...(schema["maxItems"]?.integer ?? .max)
            return range.contains(elements.count) && elements.allSatisfy { satisfies($0, schema["items"] ?? [:], root) }
        case .object(let members):
            let required = schema["required"]?.elements?.compactMap(\.text) ?? []
            return required.allSatisfy { value[$0] != nil }
                && members.allSatisfy { member in
                    schema["properties"]?[member.name].map { satisfies(member.value, $0, root) } ?? true
                }
        }
    }
}

@Suite("Options of the rehearsal model")
struct BehaviourTests {
    @Test("Every option that is named can be applied", arguments: Behaviour.options)
    func optionsApply(name: String) throws {
        let values = ["ttft": "200ms", "drip": "2us", "rate": "50", "style": "echo", "disguise": "full-width"]
        let more = [
            "violation": "iban", "in": "reasoning", "error": "503", "shape": "vllm", "fault": "hang", "tools": "true",
        ]
        var behaviour = Behaviour()
        try behaviour.apply(options: "\(name)=\(values[name] ?? more[name] ?? "7")")
        #expect(behaviour != Behaviour())
    }

    @Test("Every fault can be asked for by its name", arguments: Fault.allCases)
    func faultsApply(fault: Fault) throws {
        var behaviour = Behaviour()
        try behaviour.apply(options: "fault=\(fault.rawValue)")
        #expect(behaviour.fault == fault)
    }

    @Test(
        "What can't be read is refused, with its name",
        arguments: [
            "ttfb=1s", "ttft=200", "rate=0", "rate=nan", "tokens=-1", "error=200", "fault=none", "text=%F", "text=%FF",
        ])
    func unknownIsRefused(options: String) {
        var behaviour = Behaviour()
        let error = #expect(throws: BehaviourError.self) { try behaviour.apply(options: options) }
        #expect(options.hasPrefix(error?.option ?? "-"))
    }

    @Test("Spaces, semicolons, ampersands and percent-encoding are read")
    func grammar() throws {
        var behaviour = Behaviour()
        try behaviour.apply(options: " ttft = 1.5s;rate=2 & text=a%3Bb%20%C3%A9 ;; ")
        #expect(behaviour.ttft == .milliseconds(1_500) && behaviour.rate == 2 && behaviour.text == "a;b é")
    }

    @Test("Times stay ones that clocks can count to", arguments: [0, 1, 10_000_000, Int.max])
    func times(tokens: Int) throws {
        var behaviour = Behaviour()
        try behaviour.apply(options: "ttft=86400000s&rate=0.001")
        let time = behaviour.time(ofTokens: tokens)
        #expect(time >= .seconds(86_400_000) && time < .nanoseconds(Int64.max))
        #expect(Behaviour().time(ofTokens: tokens) == .zero)
    }

    /// Sixty properties, each of the object that they are properties of; `@` stands for `#`.
    static let manyReferences = (0..<60).map { #""p\#($0)":{"$ref":"@/$defs/n"}"# }.joined(separator: ",")

    @Test(
        "A few lines of schema don't make a sample that fills the memory",
        arguments: [
            String(repeating: #"{"minItems":1000,"items":"#, count: 20) + "{}" + String(repeating: "}", count: 20),
            #"{"minItems":1000,"items":{"type":"array","minItems":1000,"items":{"minLength":100000}}}"#,
            #"{"minItems":1000,"items":{"const":"\#(String(repeating: "x", count: 50_000))"}}"#,
            #"{"$defs":{"n":{"properties":{\#(manyReferences)}}},"$ref":"@/$defs/n"}"#.replacing("@", with: "#"),
        ])
    func samplesAreBounded(text: String) throws {
        var sample = SchemaSample(try Value(parsing: Array(text.utf8)), Seed(1), piecesMax: 10_000)
        #expect(sample.value().encoded.count < 10_000 * 100)
    }
}
