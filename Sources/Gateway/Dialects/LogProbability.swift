internal import JSON

/// Writes log-probabilities of a token anew, with nothing in them but what the protocol has there.
struct LogProbability {
    let document: JSONDocument

    /// A longer alternative is no token.
    private static let alternativeBytesMax = 64
    /// A longer one is one only if it is a word, or a run of signs or blanks; a key mixes them.
    private static let mixedBytesMax = 16
    private static let alternativesMax = 128
    /// Of a token that is not valid text by itself.
    private static let cutBytesMax = 8
    private static let numberBytesMax = 32
    private static let magnitudeMax = 1e6
    /// Digits in a row that may be a part of a number that is somebody's.
    static let digitsMax = 7

    /// An entry of `logprobs.content`, as JSON; `nil` if it is none.
    ///
    /// - Parameter ranks: what alternatives of the tokens before spell.
    func json(of entry: JSONNode, after ranks: inout AlternativeRanks) -> [UInt8]? {
        var writer = JSONWriter()
        let mayDiffer = ranks.take(entry, of: document)
        guard write(entry, areAlternatives: false, withOthers: mayDiffer, into: &writer) else { return nil }
        return writer.bytes
    }

    /// A list of entries, as JSON; `nil` unless their tokens spell `text`.
    ///
    /// - Parameter isPiece: whether others come before or after these.
    func json(of entries: JSONNode, spelling text: JSONNode, isPiece: Bool = false) -> [UInt8]? {
        guard document.kind(entries) == .array, document.kind(text) == .string else { return nil }
        var writer = JSONWriter()
        var spelled: [UInt8] = []
        var areEntries = true
        var ranks = AlternativeRanks(isPiece: isPiece)
        writer.array { writer in
            for entry in document.elements(of: entries) {
                guard let json = json(of: entry, after: &ranks), let token = document.member("token", of: entry) else {
                    areEntries = false
                    return
                }
                document.appendUTF8(of: token, to: &spelled)
                writer.raw(json)
            }
        }
        guard areEntries, document.withUTF8(of: text, { $0.elementsEqual(spelled) }) else { return nil }
        return writer.bytes
    }

    private func write(
        _ entry: JSONNode, areAlternatives: Bool, withOthers: Bool = false, into writer: inout JSONWriter
    ) -> Bool {
        guard let token = document.member("token", of: entry), document.kind(token) == .string,
            let number = document.member("logprob", of: entry), isProbability(number),
            !areAlternatives || mayBeToken(token)
        else { return false }
        writer.object { writer in
            writer.key("token" as StaticString)
            writer.value(token, of: document)
            writer.key("logprob" as StaticString)
            writer.value(number, of: document)
            if let bytes = document.member("bytes", of: entry) {
                writer.key("bytes" as StaticString)
                writeBytes(bytes, of: token, into: &writer)
            }
            if !areAlternatives, let others = document.member("top_logprobs", of: entry) {
                writer.key("top_logprobs" as StaticString)
                writer.array { writer in
                    guard withOthers else { return }
                    for other in document.elements(of: others).prefix(Self.alternativesMax) {
                        _ = write(other, areAlternatives: true, into: &writer)
                    }
                }
            }
        }
        return true
    }

    /// The bytes that a token spells. Those of a character that was cut in two are no text; others would be a second one.
    private func writeBytes(_ node: JSONNode, of token: JSONNode, into writer: inout JSONWriter) {
        var bytes: [UInt8] = []
        for element in document.elements(of: node) {
            guard document.source(of: element).count <= 3,
                let byte = document.int(element).flatMap(UInt8.init(exactly:))
            else { return writer.null() }
            bytes.append(byte)
        }
        let isCut = bytes.count <= Self.cutBytesMax && bytes.contains { $0 >= 0x80 }
        let isSame = document.withUTF8(of: token) { $0.elementsEqual(bytes) }
        guard document.kind(node) == .array, isCut || isSame else { return writer.null() }
        writer.array { writer in
            for byte in bytes { writer.int(Int(byte)) }
        }
    }

    /// Whether a string may be an alternative to what was said: short, without a long number, and nothing like a key.
    func mayBeToken(_ token: JSONNode) -> Bool {
        document.withUTF8(of: token) { text in
            guard text.count <= Self.alternativeBytesMax else { return false }
            guard text.count <= Self.mixedBytesMax || Self.isWord(text) || Self.isOfSigns(text) else { return false }
            var digits = 0
            return text.allSatisfy { byte in
                digits = (0x30...0x39).contains(byte) ? digits + 1 : 0
                return digits <= Self.digitsMax
            }
        }
    }

    /// Whether all are letters, behind a blank perhaps.
    private static func isWord(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        (text.first == 0x20 ? text.dropFirst() : text[...]).allSatisfy { ($0 | 0x20) &- 0x61 < 26 || $0 >= 0x80 }
    }

    private static func isOfSigns(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        text.allSatisfy { $0 < 0x80 && ($0 | 0x20) &- 0x61 >= 26 && $0 &- 0x30 >= 10 }
    }

    /// Whether a number can be a log-probability: not large, and not written so that many digits stand before its point.
    func isProbability(_ node: JSONNode) -> Bool {
        guard document.kind(node) == .number else { return false }
        let text = document.bytes[document.source(of: node)]
        let whole = text.drop { $0 == 0x2D }.prefix { (0x30...0x39).contains($0) }
        guard text.count <= Self.numberBytesMax, whole.count <= Self.digitsMax, let value = document.double(node) else {
            return false
        }
        return value.magnitude <= Self.magnitudeMax
    }
}

/// Log-probabilities as the older completions tell them: lists that run side by side, always beside their text.
struct OlderLogProbabilities {
    let document: JSONDocument

    /// The lists written anew; `nil` unless their tokens spell `text`, which all leaves.
    func json(of node: JSONNode, spelling text: JSONNode, after ranks: inout AlternativeRanks) -> [UInt8]? {
        guard let tokens = document.member("tokens", of: node), document.kind(text) == .string else { return nil }
        var spelled: [UInt8] = []
        for token in document.elements(of: tokens) {
            guard document.kind(token) == .string else { return nil }
            document.appendUTF8(of: token, to: &spelled)
        }
        guard !spelled.isEmpty, document.withUTF8(of: text, { $0.elementsEqual(spelled) }) else { return nil }
        let entries = LogProbability(document: document)
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("tokens" as StaticString)
            writer.value(tokens, of: document)
            writeList("token_logprobs", of: node, into: &writer) { writer, number in
                if entries.isProbability(number) { writer.value(number, of: document) } else { writer.null() }
            }
            writeList("text_offset", of: node, into: &writer) { writer, number in
                let isOffset = document.kind(number) == .number && document.source(of: number).count <= 8
                if isOffset { writer.value(number, of: document) } else { writer.null() }
            }
            var said = document.elements(of: tokens).makeIterator()
            writeList("top_logprobs", of: node, into: &writer) { writer, others in
                let mayDiffer = ranks.take(others, besides: said.next(), of: document)
                guard document.kind(others) == .object, mayDiffer else { return writer.null() }
                writer.object { writer in
                    document.forEachMember(of: others) { token, number in
                        guard entries.mayBeToken(token), entries.isProbability(number) else { return }
                        writer.key(document.string(token) ?? "")
                        writer.value(number, of: document)
                    }
                }
            }
        }
        return writer.bytes
    }

    private func writeList(
        _ name: StaticString, of node: JSONNode, into writer: inout JSONWriter,
        _ element: (inout JSONWriter, JSONNode) -> Void
    ) {
        guard let list = document.member(name, of: node) else { return }
        writer.key(name)
        guard document.kind(list) == .array else { return writer.null() }
        writer.array { writer in
            for value in document.elements(of: list) { element(&writer, value) }
        }
    }
}
