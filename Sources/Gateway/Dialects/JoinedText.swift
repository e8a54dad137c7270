internal import JSON

/// Text that readers lay end to end, wherever in an answer its pieces stand. It is screened as one text, besides each piece
/// by itself: in a whole answer by `Passage`, in a stream by `StreamFlow`.
struct JoinedText: Sendable {
    /// What is said in it, by the name that the dialect's events give it; by ours where it has none.
    let kind: String
    /// Where objects stand that hold a piece each, from the answer down; `nil` is every element of an array.
    let path: [StaticString?]
    /// The piece's place in them.
    let member: StaticString
    /// What their `type` must be; `nil` where readers don't ask.
    var type: StaticString?
    /// Whether readers may put a blank between two.
    var isSpaced = false

    /// The piece that an object holds.
    func piece(of object: JSONNode, in document: JSONDocument) -> JSONNode? {
        guard let piece = document.member(member, of: object), document.kind(piece) == .string else { return nil }
        guard let type else { return piece }
        return document.member("type", of: object).flatMap { document.utf8Equals($0, type) ? piece : nil }
    }

    /// The same text, in a part of an answer.
    ///
    /// - Parameter steps: of the path, from the answer to that part.
    func below(_ steps: Int) -> JoinedText {
        JoinedText(kind: kind, path: Array(path.dropFirst(steps)), member: member, type: type, isSpaced: isSpaced)
    }

    /// The same text, where an answer stands in something larger.
    func under(_ name: StaticString) -> JoinedText {
        JoinedText(kind: kind, path: [name] + path, member: member, type: type, isSpaced: isSpaced)
    }

    /// Calls `body` with every piece below a node, in order.
    func forEachPiece(below node: JSONNode, of document: JSONDocument, _ body: (JSONNode, ElementPlace) -> Void) {
        document.forEachNode(at: path, below: node) { object, place in
            if let piece = piece(of: object, in: document) { body(piece, place) }
        }
    }
}

/// In which elements of arrays something stands.
struct ElementPlace {
    /// Of the outermost array; -1 outside of one.
    private(set) var outer = -1
    /// Of the innermost array within that; -1 where there is none.
    private(set) var inner = -1

    func entering(_ index: Int) -> ElementPlace {
        outer < 0 ? ElementPlace(outer: index) : ElementPlace(outer: outer, inner: index)
    }
}

extension JSONDocument {
    /// Nodes that a path leads to; `nil` is every element of an array.
    func forEachNode(
        at path: [StaticString?], below node: JSONNode, _ body: (JSONNode, ElementPlace) -> Void
    ) {
        forEachNode(at: path, from: 0, below: node, ElementPlace(), body)
    }

    private func forEachNode(
        at path: [StaticString?], from step: Int, below node: JSONNode, _ place: ElementPlace,
        _ body: (JSONNode, ElementPlace) -> Void
    ) {
        guard step < path.count else { return body(node, place) }
        if let name = path[step] {
            if let member = member(name, of: node) {
                forEachNode(at: path, from: step + 1, below: member, place, body)
            }
        } else {
            for (index, element) in elements(of: node).enumerated() {
                forEachNode(at: path, from: step + 1, below: element, place.entering(index), body)
            }
        }
    }
}
