internal import Filtering
internal import JSON

/// The texts of a JSON tree one behind the other, so that one scan screens all of them, and where each piece came from.
///
/// Every string is in it, every long number, and every key that is no word of the protocol, but for plain words at the
/// protocol's places, and for data that no text filter reads (`Unscreenable` decided before whether it may be sent at all).
/// Each is judged as a text of its own; what a chat template or a reader lays end to end is a further one. In an answer the
/// texts of the protocol see none of each other's words of context, since in a stream each comes by itself.
struct Passage: ~Copyable {
    /// In this order it takes 32 bytes.
    struct Piece {
        let node: JSONNode
        /// A key, or an id or number of the protocol: it can't be rewritten without changing what it means.
        let isFixed: Bool
        /// A number, which is no number any more without some of its digits.
        var isWhole = false
        /// It names something, so that nothing is given back in it.
        var isName = false
        let start: Int
        let end: Int
        /// Where it begins in the node's text.
        var offset = 0
    }

    private(set) var bytes: [UInt8] = []
    /// Where each text ends.
    private(set) var breaks: [TextBreak] = []
    private(set) var pieces: [Piece] = []
    /// Text that stands in the passage in place of the tree's own.
    private var plain: [JSONNode: [UInt8]] = [:]
    let document: JSONDocument
    private let skipped: Set<JSONNode>
    private let readsEscapes: Bool
    private let isAnswer: Bool
    /// What somebody else wrote than who asks, in order.
    private let brought: [Range<JSONNode>]
    /// Something was taken for data.
    private var hasData = false

    /// Bytes of all free text, none of it counted twice.
    private(set) var textBytes = 0

    /// A number of fewer digits is nobody's.
    static let digitsMin = 12
    static let noPlaces = JSONPaths([])

    /// - Parameter skipped: strings that are data, or judged elsewhere.
    init(of document: JSONDocument, as kind: ProtocolPlaces.Kind, skipping skipped: Set<JSONNode> = []) {
        self.document = document
        self.skipped = skipped
        readsEscapes = kind.readsEscapes
        isAnswer = kind.isAnswer
        brought = kind.brought.flatMap { $0.values(in: document) }.sorted { $0.lowerBound < $1.lowerBound }
        bytes.reserveCapacity(document.bytes.count)
        pieces.reserveCapacity(min(document.nodeCount, 16))
        breaks.reserveCapacity(min(document.nodeCount, 16))
        document.forEachString(paths: kind.paths, andNumbersOf: Self.digitsMin) { place in
            if place.isKey {
                if !place.isNamed { appendText(place.node, of: document, isFixed: true) }
            } else {
                appendValue(place, of: document)
            }
        }
        joinParts(kind)
        for text in kind.texts { join(text) }
        if kind.hasCues { joinCues() }
        for path in kind.inputs {
            document.forEachNode(at: path, below: document.root) { node, _ in spell(node) }
        }
        for path in kind.lists {
            document.forEachNode(at: path, below: document.root) { node, _ in joinLists(in: node) }
        }
        if hasData { appendStrangeData(kind) }
    }

    /// Of some members only, of which nothing is known: every key, string and long number in them is text.
    init(of members: [(key: JSONNode, value: JSONNode)], in document: JSONDocument) {
        self.document = document
        skipped = []
        readsEscapes = false
        isAnswer = false
        brought = []
        for member in members {
            appendText(member.key, of: document, isFixed: true)
            document.forEachString(under: member.value, paths: Self.noPlaces, andNumbersOf: Self.digitsMin) {
                appendText($0.node, of: document, isFixed: $0.isKey)
            }
        }
    }

    // The document is handed in where much is appended: taken from `self`, it would be counted each time.

    private mutating func appendValue(_ place: JSONStringPlace, of document: JSONDocument) {
        if !skipped.isEmpty, skipped.contains(place.node) { return }
        if place.label == 0 { return appendValue(at: place, of: document) }
        endSection()
        appendValue(at: place, of: document)
        endSection()
    }

    private mutating func appendValue(at place: JSONStringPlace, of document: JSONDocument) {
        let isNumber = document.kind(place.node) == .number
        switch ProtocolPlaces(rawValue: place.label) {
        case .identifier where isNumber || !ProtocolWord.isPlain(place.node, in: document):
            append(place.node, of: document, isFixed: true)
        case .number where isNumber: append(place.node, of: document, isFixed: true)
        case .quantity where isNumber && ProtocolWord.isQuantity(place.node, in: document): return
        case .data where !isNumber && ProtocolWord.isData(place.node, in: document): hasData = true
        case .answerID where isNumber || !ProtocolWord.isPlain(place.node, in: document):
            let count = pieces.count
            append(place.node, of: document, isFixed: false)
            if pieces.count > count { pieces[count].isName = true }
        case .word where ProtocolWord.isOne(place.node, in: document): return
        case .seed where isNumber && ProtocolWord.isSeed(place.node, in: document): return
        case .identifier, .answerID, .spelled: return
        case .arguments: appendArguments(place.node, of: document)
        case _ where readsEscapes: appendArguments(place.node, of: document)
        default: appendText(place.node, of: document, isFixed: false)
        }
    }

    private mutating func appendText(_ node: JSONNode, of document: JSONDocument, isFixed: Bool) {
        let start = bytes.count
        append(node, of: document, isFixed: isFixed)
        // Without its separator.
        textBytes += max(0, bytes.count - start - 1)
    }

    /// Appends a text of one piece. An empty one says nothing, and a request may have millions.
    private mutating func append(_ node: JSONNode, of document: JSONDocument, isFixed: Bool) {
        let start = bytes.count
        write(node, of: document, isFixed: isFixed)
        if bytes.count > start { endText() } else { pieces.removeLast() }
    }

    /// Appends a piece to a text that goes on.
    private mutating func write(_ node: JSONNode, of document: JSONDocument, isFixed: Bool = false) {
        let start = bytes.count
        if !plain.isEmpty, let text = plain[node] {
            bytes.append(contentsOf: text)
        } else {
            document.appendScreened(node, to: &bytes)
        }
        pieces.append(Piece(node: node, isFixed: isFixed, start: start, end: bytes.count))
    }

    private mutating func endText() {
        breaks.append(TextBreak(end: bytes.count, endsSection: false, source: source(of: pieces.last?.node)))
        bytes.append(TextBreak.separator)
    }

    private func source(of node: JSONNode?) -> TextSource {
        guard !brought.isEmpty, let node else { return .caller }
        let index = brought.partitionPoint { $0.upperBound <= node }
        return index < brought.count && brought[index].contains(node) ? .tool : .caller
    }

    /// Ends what sees each other's words of context, which is all of a request.
    private mutating func endSection() {
        if isAnswer, let last = breaks.indices.last { breaks[last].endsSection = true }
    }

    /// Arguments of tools are JSON inside a string. Escapes that it has and does not need would hide what it spells.
    private mutating func appendArguments(_ node: JSONNode, of document: JSONDocument) {
        document.withUTF8(of: node) { text in
            if text.contains(0x5C) { plain[node] = EscapedText.plain(Array(text)[...]) }
        }
        appendText(node, of: document, isFixed: false)
    }

    /// Appends the text of a piece's node as it stands in the passage.
    func appendText(of node: JSONNode, to output: inout [UInt8]) {
        if !plain.isEmpty, let text = plain[node] { return output.append(contentsOf: text) }
        document.appendScreened(node, to: &output)
    }

    private mutating func joinParts(_ kind: ProtocolPlaces.Kind) {
        for path in kind.joined {
            document.forEachNode(at: path, below: document.root) { node, _ in joinParts(in: node) }
        }
        if let last = kind.adjoining.last, document.member(last, of: document.root) != nil { adjoin(kind.adjoining) }
    }

    /// Lays members end to end; one that is an array has one element.
    private mutating func adjoin(_ names: [StaticString]) {
        for name in names {
            guard let member = document.member(name, of: document.root) else { continue }
            let text = document.elements(of: member).first { _ in true } ?? member
            guard document.kind(text) == .string else { continue }
            write(text, of: document)
        }
        endText()
    }

    private mutating func join(_ text: JoinedText) {
        var nodes: [JSONNode] = []
        text.forEachPiece(below: document.root, of: document) { node, _ in nodes.append(node) }
        guard nodes.count > 1 else { return }
        for isSpaced in text.isSpaced ? [false, true] : [false] {
            endSection()
            for (index, node) in nodes.enumerated() {
                if isSpaced, index > 0 { bytes.append(0x20) }
                write(node, of: document)
            }
            endText()
        }
        endSection()
    }

    /// Lays the lines of subtitles end to end, which are one string.
    private mutating func joinCues() {
        guard document.kind(document.root) == .string, let whole = pieces.first else { return }
        let lines = Cues.lines(of: bytes[whole.start..<whole.end])
        endSection()
        for isSpaced in lines.isEmpty ? [] : [false, true] {
            for (index, line) in lines.enumerated() {
                if isSpaced, index > 0 { bytes.append(0x20) }
                for range in line {
                    let start = bytes.count
                    bytes.append(contentsOf: Array(bytes[range]))
                    pieces.append(
                        Piece(
                            node: whole.node, isFixed: false, start: start, end: bytes.count,
                            offset: range.lowerBound - whole.start))
                }
            }
            endText()
            endSection()
        }
    }

    /// Lays the elements of lists, wherever they stand in a tree, end to end.
    private mutating func joinLists(in node: JSONNode) {
        switch document.kind(node) {
        case .object: document.forEachMember(of: node) { _, value in joinLists(in: value) }
        case .array:
            if document.spellsText(node) {
                endSection()
                for element in document.elements(of: node) { write(element, of: document) }
                endText()
                endSection()
            }
            for element in document.elements(of: node) { joinLists(in: element) }
        default: return
        }
    }

    /// Lays a tree out as the JSON that it is, as streams tell it: what a value is stands in its key.
    private mutating func spell(_ input: JSONNode) {
        guard document.count(of: input) > 0 else { return }
        endSection()
        writeJSON(input)
        endText()
        endSection()
    }

    private mutating func writeJSON(_ node: JSONNode) {
        var isFirst = true
        func part() {
            if !isFirst { bytes.append(contentsOf: ", ".utf8) }
            isFirst = false
        }
        switch document.kind(node) {
        case .object:
            bytes.append(0x7B)
            document.forEachMember(of: node) { key, value in
                part()
                quote(key, isFixed: true)
                bytes.append(contentsOf: ": ".utf8)
                writeJSON(value)
            }
            bytes.append(0x7D)
        case .array:
            bytes.append(0x5B)
            for element in document.elements(of: node) {
                part()
                writeJSON(element)
            }
            bytes.append(0x5D)
        case .string: quote(node, isFixed: false)
        case .number:
            let start = bytes.count
            bytes.append(contentsOf: document.bytes[document.source(of: node)])
            pieces.append(Piece(node: node, isFixed: false, isWhole: true, start: start, end: bytes.count))
        case .true, .false, .null: bytes.append(contentsOf: document.bytes[document.source(of: node)])
        }
    }

    private mutating func quote(_ node: JSONNode, isFixed: Bool) {
        bytes.append(0x22)
        write(node, of: document, isFixed: isFixed)
        bytes.append(0x22)
    }

    /// What looks like data is text in objects of a type that has none there.
    private mutating func appendStrangeData(_ kind: ProtocolPlaces.Kind) {
        for data in kind.typed {
            document.forEachNode(at: data.objects, below: document.root) { object, _ in
                guard let node = document.member(data.member, of: object), document.kind(node) == .string,
                    ProtocolWord.isData(node, in: document)
                else { return }
                let type = document.member("type", of: object)
                let isOwn = type.map { type in data.types.contains { document.utf8Equals(type, $0) } } ?? false
                if !isOwn { append(node, of: document, isFixed: false) }
            }
        }
    }

    private mutating func joinParts(in content: JSONNode) {
        guard document.kind(content) == .array, document.count(of: content) > 1 else { return }
        endSection()
        for part in document.elements(of: content) {
            let text = document.kind(part) == .string ? part : document.member("text", of: part)
            guard let text, document.kind(text) == .string else { continue }
            write(text, of: document)
        }
        endText()
        endSection()
    }
}

extension JSONDocument {
    /// A string's text; a number's digits, however it is written.
    fileprivate func appendScreened(_ node: JSONNode, to output: inout [UInt8]) {
        if kind(node) == .number {
            appendDigits(of: node, to: &output)
        } else {
            appendUTF8(of: node, to: &output)
        }
    }
}
