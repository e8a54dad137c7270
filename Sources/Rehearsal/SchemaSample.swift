/// A value that a JSON schema allows, alike for alike seeds. Knows the keywords that tool and format schemas use
/// (`type`, `properties`, `items`, `enum`, `const`, `default`, `anyOf`, `oneOf`, `allOf`, `$ref`, bounds and formats).
///
/// Source: JSON Schema 2020-12, validation vocabulary.
struct SchemaSample {
    private static let depthMax = 8

    private let root: Value
    private var piecesLeft: Int
    private var seed: Seed
    /// What stands in strings that the schema leaves free.
    private let text: String?

    /// - Parameter piecesMax: Values and eighths of their texts' bytes. Beyond, values are null, so that a few lines of
    ///   schema can't ask for more than the memory holds.
    init(_ schema: Value, _ seed: Seed, text: String? = nil, piecesMax: Int) {
        root = schema
        piecesLeft = piecesMax
        self.seed = seed
        self.text = text
    }

    mutating func value() -> Value {
        value(root, depth: 0)
    }

    private mutating func value(_ schema: Value, depth: Int) -> Value {
        piecesLeft -= 1
        guard piecesLeft > 0 else { return .null }
        if let constant = schema["const"] { return charged(constant) }
        if let choices = schema["enum"]?.elements, !choices.isEmpty {
            return charged(choices[Int.random(in: 0..<choices.count, using: &seed)])
        }
        if let standard = schema["default"] { return charged(standard) }
        if let target = schema["$ref"]?.text, depth < Self.depthMax { return value(resolved(target), depth: depth + 1) }
        for keyword in ["anyOf", "oneOf"] {
            let choices = schema[keyword]?.elements ?? []
            // The last choice is often null, which ends a recursion.
            if let choice = depth < Self.depthMax / 2 ? choices.first : choices.last {
                return value(choice, depth: depth + 1)
            }
        }
        if let parts = schema["allOf"]?.elements, depth < Self.depthMax {
            return .object(parts.flatMap { value($0, depth: depth + 1).members ?? [] })
        }
        switch type(of: schema) {
        case "object": return object(schema, depth: depth)
        case "array": return array(schema, depth: depth)
        case "string": return charged(.string(string(schema)))
        case "integer": return .number(Int(number(schema, step: 1)))
        case "number": return .number(number(schema, step: 0.5))
        case "boolean": return .bool(Bool.random(using: &seed))
        case "null": return .null
        default: return charged(.string(string(schema)))
        }
    }

    /// A value that the schema or the caller made, as far as there is room for it.
    private mutating func charged(_ value: Value) -> Value {
        piecesLeft -= Self.pieces(of: value)
        return piecesLeft > 0 ? value : .null
    }

    private static func pieces(of value: Value) -> Int {
        switch value {
        case .null, .bool: 1
        case .number(let text), .string(let text): 1 + text.utf8.count / 8
        case .array(let elements): elements.reduce(1) { $0 + pieces(of: $1) }
        case .object(let members): members.reduce(1) { $0 + 1 + $1.name.utf8.count / 8 + pieces(of: $1.value) }
        }
    }

    private func type(of schema: Value) -> String {
        if let type = schema["type"]?.text { return type }
        if let types = schema["type"]?.elements?.compactMap(\.text) { return types.first { $0 != "null" } ?? "null" }
        if schema["properties"] != nil || schema == [:] { return "object" }
        return schema["items"] == nil ? "string" : "array"
    }

    private func resolved(_ target: String) -> Value {
        var schema = root
        for part in target.split(separator: "/").dropFirst() {
            schema = schema[String(part)] ?? [:]
        }
        return schema
    }

    private mutating func object(_ schema: Value, depth: Int) -> Value {
        let required = Set((schema["required"]?.elements ?? []).compactMap(\.text))
        var members: [Value.Member] = []
        for property in schema["properties"]?.members ?? []
        where depth < Self.depthMax || required.contains(property.name) {
            guard depth < Self.depthMax * 4 else { break }
            members.append(.init(name: property.name, value: value(property.value, depth: depth + 1)))
        }
        return .object(members)
    }

    private mutating func array(_ schema: Value, depth: Int) -> Value {
        let least = schema["minItems"]?.integer ?? (depth < Self.depthMax / 2 ? 2 : 0)
        let count = max(0, min(least, schema["maxItems"]?.integer ?? least, 1_000))
        let items = schema["items"] ?? ["type": "string"]
        return .array((0..<count).map { _ in value(items, depth: depth + 1) })
    }

    private mutating func string(_ schema: Value) -> String {
        switch schema["format"]?.text {
        case "date": return "2026-01-0\(Int.random(in: 1...9, using: &seed))"
        case "date-time": return "2026-01-0\(Int.random(in: 1...9, using: &seed))T12:00:00Z"
        case "time": return "12:00:00Z"
        case "uri", "url": return "https://example.com/rehearsal"
        case "email": return "rehearsal@example.com"
        case "uuid":
            let digits = seed.identifier()
            return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { range in
                String(digits.dropFirst(range.lowerBound).prefix(range.count))
            }.joined(separator: "-")
        default: break
        }
        var string = text ?? Text.words[Int.random(in: 0..<Text.words.count, using: &seed)]
        let least = min(schema["minLength"]?.integer ?? 0, 100_000)
        while string.unicodeScalars.count < least { string += " " + string }
        if let most = schema["maxLength"]?.integer, string.unicodeScalars.count > most {
            string = String(String.UnicodeScalarView(string.unicodeScalars.prefix(max(0, most))))
        }
        return string
    }

    /// A number within the bounds: the lower one, or near it.
    private mutating func number(_ schema: Value, step: Double) -> Double {
        let multiple = schema["multipleOf"]?.double.flatMap { $0 > 0 ? $0 : nil }
        let width = multiple ?? step
        var least = schema["minimum"]?.double ?? schema["exclusiveMinimum"]?.double.map { $0 + width }
        let most = schema["maximum"]?.double ?? schema["exclusiveMaximum"]?.double.map { $0 - width }
        if least == nil { least = most.map { min($0, 1) } ?? 1 }
        var number = (least ?? 1) + Double(Int.random(in: 0...8, using: &seed)) * step
        if let most { number = min(number, most) }
        if let multiple { number = ((least ?? 0) / multiple).rounded(.up) * multiple }
        number = step == 1 ? number.rounded(.up) : number
        return abs(number) < 9e15 ? number : 1
    }
}
