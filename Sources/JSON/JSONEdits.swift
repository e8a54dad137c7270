/// Changes to make while a document is serialised. Costs nothing when empty.
///
/// An edit inside a value that another edit replaces or removes is dropped; of two edits of one node the later wins.
package struct JSONEdits: Sendable {
    enum Change: Sendable {
        case string([UInt8])
        case raw([UInt8])
        case remove
        case set(name: [UInt8], raw: [UInt8])
    }

    struct Entry: Sendable {
        var node: Int32
        var change: Change
    }

    /// In the order in which they were made.
    private(set) var entries: [Entry] = []
    /// No more than this many bytes are added to the text.
    private(set) var addedBytesMax = 0

    package init() {}

    package var isEmpty: Bool { entries.isEmpty }

    /// Writes `utf8` as a string in place of a value, or as the name in place of a key (the caller sees to it that the
    /// object does not then have that name twice).
    ///
    /// - Parameter utf8: valid UTF-8, decoded: escapes are added where needed.
    package mutating func replace(_ node: JSONNode, withString utf8: [UInt8]) {
        add(Entry(node: node.index, change: .string(utf8)), bytes: utf8.count * 6 + 2)
    }

    /// Writes `raw`, which is valid JSON, in place of a value.
    package mutating func replace(_ value: JSONNode, withRaw raw: [UInt8]) {
        add(Entry(node: value.index, change: .raw(raw)), bytes: raw.count)
    }

    /// Leaves out a member.
    ///
    /// - Parameter key: the node of its key.
    package mutating func removeMember(_ key: JSONNode) {
        add(Entry(node: key.index, change: .remove), bytes: 0)
    }

    /// Gives `object` a member: in place of the value of the one it has, else at its end.
    ///
    /// - Parameter raw: valid JSON.
    package mutating func setMember(_ name: [UInt8], raw: [UInt8], of object: JSONNode) {
        add(Entry(node: object.index, change: .set(name: name, raw: raw)), bytes: name.count * 6 + raw.count + 4)
    }

    package mutating func setMember(_ name: StaticString, raw: [UInt8], of object: JSONNode) {
        let name = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        setMember([UInt8](name), raw: raw, of: object)
    }

    private mutating func add(_ entry: Entry, bytes: Int) {
        entries.append(entry)
        addedBytesMax += bytes
    }
}

/// Edits in the order in which the serialiser meets them.
struct JSONEditPlan {
    struct Addition {
        var object: Int
        var name: [UInt8]
        var raw: [UInt8]
    }

    /// By node, one a node. A `set` here stands at the key of the member that it changes.
    private(set) var entries: [JSONEdits.Entry] = []
    /// Members that their objects do not have yet, in the order in which they were first named.
    private(set) var additions: [Addition] = []

    init() {}

    init(_ edits: borrowing JSONEdits, of document: JSONDocument) {
        guard !edits.isEmpty else { return }
        var found: [(entry: JSONEdits.Entry, order: Int)] = []
        for (order, entry) in edits.entries.enumerated() {
            guard case .set(let name, let raw) = entry.change else {
                found.append((entry, order))
                continue
            }
            let object = JSONNode(index: entry.node)
            precondition(document.kind(object) == .object, "members are set of objects")
            if let key = name.withUnsafeBufferPointer({ document.memberKey($0, of: object) }) {
                found.append((JSONEdits.Entry(node: key.index, change: entry.change), order))
            } else {
                add(Addition(object: Int(entry.node), name: name, raw: raw))
            }
        }
        found.sort { ($0.entry.node, $0.order) < ($1.entry.node, $1.order) }
        for next in found {
            if entries.last?.node == next.entry.node { entries.removeLast() }
            entries.append(next.entry)
        }
    }

    private mutating func add(_ addition: Addition) {
        if let same = additions.firstIndex(where: { $0.object == addition.object && $0.name == addition.name }) {
            additions[same].raw = addition.raw
        } else {
            additions.append(addition)
        }
    }
}
