import JSON

/// A plain tree, the model that the tape is compared with.
indirect enum Value: Hashable {
    case object([Member])
    case array([Value])
    case string(String)
    /// Its own text.
    case number(String)
    case bool(Bool)
    case null

    struct Member: Hashable {
        var key: String
        var value: Value
    }
}

extension Value {
    init(_ node: JSONNode, of document: JSONDocument) {
        switch document.kind(node) {
        case .object:
            var members: [Member] = []
            document.forEachMember(of: node) { key, value in
                members.append(Member(key: document.string(key) ?? "?", value: Value(value, of: document)))
            }
            self = .object(members)
        case .array: self = .array(document.elements(of: node).map { Value($0, of: document) })
        case .string: self = .string(document.string(node) ?? "?")
        case .number:
            var text: [UInt8] = []
            document.appendUTF8(of: node, to: &text)
            self = .number(String(decoding: text, as: UTF8.self))
        case .true: self = .bool(true)
        case .false: self = .bool(false)
        case .null: self = .null
        }
    }

    init(parsing bytes: [UInt8]) throws(JSONError) {
        let document = try JSONDocument(parsing: bytes)
        self.init(document.root, of: document)
    }

    /// Compact, minimally escaped: what the serialiser must write, by an independent route.
    var text: String {
        switch self {
        case .object(let members):
            "{" + members.map { Value.quoted($0.key) + ":" + $0.value.text }.joined(separator: ",") + "}"
        case .array(let elements): "[" + elements.map(\.text).joined(separator: ",") + "]"
        case .string(let text): Value.quoted(text)
        case .number(let text): text
        case .bool(let truth): truth ? "true" : "false"
        case .null: "null"
        }
    }

    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case "\u{8}": quoted += "\\b"
            case "\u{C}": quoted += "\\f"
            case "\0"..."\u{1F}":
                let hex = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    /// The dump that `csimdjson_dump` writes of the same tree.
    var dump: [UInt8] {
        switch self {
        case .object(let members):
            Array("{".utf8) + members.flatMap { Value.string($0.key).dump + $0.value.dump } + Array("}".utf8)
        case .array(let elements): Array("[".utf8) + elements.flatMap(\.dump) + Array("]".utf8)
        case .string(let text): Array("s\(text.utf8.count):\(text)".utf8)
        case .number(let text): Value.dump(number: text)
        case .bool(let truth): Array((truth ? "t" : "f").utf8)
        case .null: Array("n".utf8)
        }
    }

    private static func dump(number: String) -> [UInt8] {
        guard isInteger(number) else { return Array("d\((Double(number) ?? .nan).bitPattern);".utf8) }
        return Array("i\(number == "-0" ? "0" : number);".utf8)
    }

    static func isInteger(_ number: String) -> Bool { !number.utf8.contains { [0x2E, 0x65, 0x45].contains($0) } }

    /// Whether an integer in it is too long for simdjson, which keeps 64 bits.
    var hasLongInteger: Bool {
        switch self {
        case .object(let members): members.contains { $0.value.hasLongInteger }
        case .array(let elements): elements.contains(where: \.hasLongInteger)
        case .number(let text): Value.isInteger(text) && Int64(text) == nil && UInt64(text) == nil
        default: false
        }
    }
}

/// SplitMix64: the same numbers on every machine.
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

    mutating func pick<C: RandomAccessCollection>(_ items: C) -> C.Element where C.Index == Int {
        items[items.startIndex + below(items.count)]
    }
}

/// Random trees, and random ways to write one.
struct Documents {
    var random: Seeded

    init(seed: UInt64) { random = Seeded(seed) }

    private static let scalars: [Unicode.Scalar] = [
        "a", "b", "z", "\"", "\\", "/", "\n", "\t", "\u{1}", "\u{1F}", "\u{7F}", "é", "ß", "\u{7FF}", "\u{800}", "語",
        "\u{2028}", "\u{FFFF}", "😀", "\u{10FFFF}", "~", " ", "{", "\0",
    ]
    private static let numbers = [
        "0", "-0", "1", "-1", "10", "9223372036854775807", "18446744073709551615", "123456789012345678901234567890",
        "0.5", "-1.25", "1e2", "1E+2", "25e-1", "0e9", "1.7976931348623157e308", "5e-324", "1e-999", "0.1", "3.0",
    ]

    mutating func text() -> String {
        var text = String.UnicodeScalarView()
        for _ in 0..<random.below(random.below(4) == 0 ? 30 : 6) {
            text.append(random.below(2) == 0 ? "x" : random.pick(Self.scalars))
        }
        return String(text)
    }

    mutating func value(depth: Int = 0) -> Value {
        switch random.below(depth > 5 ? 4 : 8) {
        case 0: return .null
        case 1: return .bool(random.below(2) == 0)
        case 2: return .number(random.pick(Self.numbers))
        case 3, 4: return .string(text())
        case 5: return .array((0..<random.below(4)).map { _ in value(depth: depth + 1) })
        default: return object(depth: depth)
        }
    }

    mutating func object(depth: Int = 0) -> Value {
        var seen: Set<[UInt8]> = []
        var members: [Value.Member] = []
        for _ in 0..<random.below(random.below(6) == 0 ? 20 : 5) {
            let key = text()
            guard seen.insert(Array(key.utf8)).inserted else { continue }
            members.append(Value.Member(key: key, value: value(depth: depth + 1)))
        }
        return .object(members)
    }

    /// One of the many texts of a tree: white space and escapes as chance has it.
    mutating func spelling(of value: Value) -> String {
        switch value {
        case .object(let members):
            let parts = members.map { spelling($0.key) + space() + ":" + space() + spelling(of: $0.value) }
            return "{" + space() + parts.joined(separator: space() + "," + space()) + space() + "}"
        case .array(let elements):
            let parts = elements.map { spelling(of: $0) }
            return "[" + space() + parts.joined(separator: space() + "," + space()) + space() + "]"
        case .string(let text): return spelling(text)
        default: return value.text
        }
    }

    private mutating func space() -> String { random.below(4) > 0 ? "" : random.pick([" ", "\n", "\t\r\n", "    "]) }

    private mutating func spelling(_ text: String) -> String {
        guard random.below(2) == 0 else { return Value.quoted(text) }
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch random.below(3) {
            case 0:
                for unit in String(scalar).utf16 {
                    let hex = String(unit, radix: 16, uppercase: random.below(2) == 0)
                    quoted += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
                }
            case 1 where scalar == "/": quoted += "\\/"
            default: quoted += Value.quoted(String(scalar)).dropFirst().dropLast()
            }
        }
        return quoted + "\""
    }
}

extension JSONDocument {
    /// What the serialiser writes.
    func serialised(_ edits: JSONEdits = JSONEdits()) -> String {
        var output = Array("kept".utf8)
        serialise(into: &output, edits: edits)
        return String(decoding: output.dropFirst(4), as: UTF8.self)
    }
}
