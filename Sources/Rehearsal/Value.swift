/// A JSON value as a tree, for a model that reads schemas and writes many shapes. Members keep their order.
indirect enum Value: Sendable, Hashable {
    struct Member: Sendable, Hashable {
        var name: String
        var value: Value
    }

    case null
    case bool(Bool)
    /// The number's own text.
    case number(String)
    case string(String)
    case array([Value])
    case object([Member])

    subscript(name: String) -> Value? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    /// The members or elements; nil unless it is an array.
    var elements: [Value]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    var members: [Member]? {
        guard case .object(let members) = self else { return nil }
        return members
    }

    var text: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    var flag: Bool? {
        guard case .bool(let flag) = self else { return nil }
        return flag
    }

    var integer: Int? {
        guard case .number(let text) = self else { return nil }
        return Int(text) ?? Double(text).flatMap(Int.init(exactly:))
    }

    var double: Double? {
        guard case .number(let text) = self else { return nil }
        return Double(text)
    }

    /// The value, or nil for a JSON null.
    var unlessNull: Value? {
        self == .null ? nil : self
    }

    /// The object with one more member at its end.
    func with(_ name: String, _ value: Value) -> Value {
        guard case .object(let members) = self else { return self }
        return .object(members + [Member(name: name, value: value)])
    }

    static func number(_ number: Int) -> Value {
        .number(String(number))
    }

    /// A finite number.
    static func number(_ number: Double) -> Value {
        .number("\(number)")
    }
}

extension Value: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    init(stringLiteral text: String) { self = .string(text) }
    init(booleanLiteral flag: Bool) { self = .bool(flag) }
    init(integerLiteral number: Int) { self = .number(number) }
    init(arrayLiteral elements: Value...) { self = .array(elements) }
    init(dictionaryLiteral members: (String, Value)...) {
        self = .object(members.map { Member(name: $0.0, value: $0.1) })
    }
}
