internal import Foundation
internal import Limits
internal import Storage

/// The small JSON texts that some columns hold.
enum StoredJSON {
    static func encode(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    static func decode<Value: Decodable>(_: Value.Type, _ text: String, column: String) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            return try decoder.decode(Value.self, from: Data(text.utf8))
        } catch {
            throw StorageError.unreadableValue(column: column, expected: "JSON of \(Value.self)", found: "other text")
        }
    }

    static func models(_ text: String?) throws -> Set<String>? {
        try text.map { try decode(Set<String>.self, $0, column: "allowed_models") }
    }

    static func networks(_ text: String?) throws -> [Network]? {
        try text.map { try decode([String].self, $0, column: "networks").map { try Network(parsing: $0) } }
    }
}

extension LimitSettings {
    /// Reads the column `limits`: JSON such as `{"requests_per_minute":60}`, or NULL for unlimited.
    init(column text: String?) throws {
        guard let text else {
            self = .unlimited
            return
        }
        self = try StoredJSON.decode(LimitSettings.self, text, column: "limits")
    }

    func columnText() throws -> String? {
        self == .unlimited ? nil : try StoredJSON.encode(self)
    }

    /// - Throws: `AccessError.negativeLimit`.
    func validate() throws(AccessError) {
        for limit in [
            requestsPerMinute, tokensPerMinute, concurrentRequests, tokensPerDay, budget?.tokensPerDay,
            budget?.tokensPerMonth,
        ] {
            if let limit, limit < 0 { throw .negativeLimit(limit) }
        }
    }
}
