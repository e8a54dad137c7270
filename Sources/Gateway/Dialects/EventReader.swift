internal import JSON

/// The members of one streamed event, told apart in one pass.
struct EventMembers {
    let choices: JSONNode
    let usageKey: JSONNode?
    let hasModel: Bool
    /// Those that may hold text, although no protocol has any there.
    let others: [(key: JSONNode, value: JSONNode)]
}

/// Tells the members of a stream's events apart.
struct EventReader {
    /// What the events of one stream usually begin with: their id, time and model, up to the choices. Nodes in it are
    /// the same in every event that has it, so none but those behind it are looked at again.
    private var prefix: [UInt8] = []
    private var choices: (key: JSONNode, value: JSONNode)?
    private var prefixHasModel = false

    mutating func members(of document: JSONDocument) throws(UpstreamFailure) -> EventMembers {
        let isKnown = choices != nil && Self.begins(document.bytes, with: prefix)
        let known = isKnown ? choices : nil
        var choices = known
        var usageKey: JSONNode?
        var hasModel = isKnown && prefixHasModel
        var others: [(key: JSONNode, value: JSONNode)] = []
        var prefixIsPlain = false
        try document.forEachMember(of: document.root) { (key, value) throws(UpstreamFailure) in
            if let known, key <= known.key { return }
            if document.utf8Equals(key, "choices") {
                guard document.kind(value) == .array else { return }
                choices = (key, value)
                prefixIsPlain = usageKey == nil && others.isEmpty
                if prefixIsPlain { prefixHasModel = hasModel }
            } else if document.utf8Equals(key, "usage") {
                usageKey = key
                if !Self.isOfNumbers(value, in: document) { others.append((key, value)) }
            } else if document.utf8Equals(key, "error") {
                if !document.isNull(value) { throw .malformed("an error in the stream") }
            } else {
                if document.utf8Equals(key, "model") { hasModel = true }
                if !Self.isOfProtocol(key, value, in: document) { others.append((key, value)) }
            }
        }
        guard let choices else { throw .malformed("an event without choices") }
        if prefixIsPlain {
            self.choices = choices
            // The bracket too, so that they are an array in every event.
            prefix = Array(document.bytes[...document.source(of: choices.value).lowerBound])
        }
        return EventMembers(choices: choices.value, usageKey: usageKey, hasModel: hasModel, others: others)
    }

    private static func begins(_ bytes: [UInt8], with prefix: [UInt8]) -> Bool {
        bytes.count > prefix.count
            && bytes.withUnsafeBytes { bytes in
                prefix.withUnsafeBytes { bytes.prefix($0.count).elementsEqual($0) }
            }
    }

    private static let names: [StaticString] = [
        "id", "object", "created", "model", "system_fingerprint", "service_tier", "obfuscation",
    ]

    /// Whether a member says what the protocol has it for, and nothing else. Any member may be switched on or off.
    private static func isOfProtocol(_ key: JSONNode, _ value: JSONNode, in document: JSONDocument) -> Bool {
        switch document.kind(value) {
        case .string, .number:
            ProtocolWord.isOne(value, in: document) && names.contains { document.utf8Equals(key, $0) }
        case .true, .false, .null: ProtocolWord.isOne(key, in: document)
        case .object, .array: false
        }
    }

    /// Whether usage holds no text, neither as values nor as names.
    private static func isOfNumbers(_ usage: JSONNode, in document: JSONDocument) -> Bool {
        if document.isNull(usage) { return true }
        var isOfNumbers = true
        document.forEachString(under: usage, paths: Passage.noPlaces, andNumbersOf: Passage.digitsMin) { place in
            if !place.isKey || !ProtocolWord.isOne(place.node, in: document) { isOfNumbers = false }
        }
        return isOfNumbers
    }
}
