internal import JSON

/// Where a request keeps texts that a tool or a document brought, so that who asks did not write them.
struct BroughtText: Sendable {
    /// Where the values stand; `nil` is every element of an array.
    let path: [StaticString?]
    /// The member of such a value that says it is one; `nil` where all there are.
    var member: StaticString?
    /// What that member says then: one of these words, or what ends with one.
    var words: [StaticString] = []
    var endings: [String] = []

    /// The values in a tree, each as the node where it begins and the one behind it.
    func values(in document: JSONDocument) -> [Range<JSONNode>] {
        var values: [Range<JSONNode>] = []
        document.forEachNode(at: path, below: document.root) { node, _ in
            if isOne(node, in: document) { values.append(node..<document.end(of: node)) }
        }
        return values
    }

    private func isOne(_ node: JSONNode, in document: JSONDocument) -> Bool {
        guard let member else { return true }
        guard let said = document.member(member, of: node), document.kind(said) == .string else { return false }
        if words.contains(where: { document.utf8Equals(said, $0) }) { return true }
        return !endings.isEmpty
            && document.string(said).map { text in endings.contains(where: text.hasSuffix) } ?? false
    }
}
