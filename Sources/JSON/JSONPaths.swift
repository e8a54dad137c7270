/// A set of places in a document, each with a label, that a walk over all strings recognises as it goes.
///
/// ```swift
/// static let paths = JSONPaths([
///     ("messages/*/role", 1), ("messages/*/content", 2), ("messages/*/content/*/text", 2), ("metadata/**", 3),
/// ])
/// ```
/// A pattern's parts are separated by `/`: a member's name, `*` for any member or element, or at the end `**` for
/// everything below (not the place itself). A name is taken before `*`, without going back: what stands below a name is matched only by the
/// patterns that name it. Where no pattern ends, the label is 0. Make it once; looking up costs a few ns a key.
package struct JSONPaths: Sendable {
    struct Edge: Sendable {
        var name: Range<Int>
        var first: UInt8
        var target: Int32
    }

    struct Place: Sendable {
        var label: UInt8 = 0
        var edges: Range<Int> = 0..<0
        /// Where any other member, or an element, leads; -1 for nowhere.
        var any: Int32 = -1
    }

    private(set) var places: [Place] = []
    private(set) var edges: [Edge] = []
    private(set) var names: [UInt8] = []

    /// - Parameter patterns: relative to the node at which a walk starts; labels from 1 to 255.
    package init(_ patterns: [(pattern: String, label: UInt8)]) {
        var nodes = [Node()]
        for (pattern, label) in patterns {
            var at = 0
            for part in pattern.split(separator: "/") {
                if part == "**" {
                    at = JSONPaths.any(of: at, in: &nodes)
                    nodes[at].any = at
                } else if part == "*" {
                    at = JSONPaths.any(of: at, in: &nodes)
                } else if let known = nodes[at].named.first(where: { $0.name == part }) {
                    at = known.target
                } else {
                    nodes.append(Node())
                    nodes[at].named.append((String(part), nodes.count - 1))
                    at = nodes.count - 1
                }
            }
            nodes[at].label = label
        }
        for node in nodes {
            let first = edges.count
            for (name, target) in node.named {
                let start = names.count
                names.append(contentsOf: name.utf8)
                edges.append(Edge(name: start..<names.count, first: names[start], target: Int32(target)))
            }
            places.append(Place(label: node.label, edges: first..<edges.count, any: node.any.map { Int32($0) } ?? -1))
        }
    }

    private struct Node {
        var label: UInt8 = 0
        var named: [(name: String, target: Int)] = []
        var any: Int?
    }

    private static func any(of node: Int, in nodes: inout [Node]) -> Int {
        if let known = nodes[node].any { return known }
        nodes.append(Node())
        nodes[node].any = nodes.count - 1
        return nodes.count - 1
    }
}

/// A string that a walk found, and where.
package struct JSONStringPlace: Sendable, Hashable {
    package var node: JSONNode
    /// A member's name rather than a value.
    package var isKey: Bool
    /// A key that a pattern names: it is the protocol's word, not the caller's.
    package var isNamed: Bool
    /// The label of the place (of a key: its value's place); 0 for a place that no pattern lists.
    package var label: UInt8
    /// The nearest array element around it counts from 0; -1 outside of arrays.
    package var element: Int32
}

extension JSONDocument {
    /// Calls `body` with every string in the document, keys too, in order, with the label of its place.
    ///
    /// One linear pass; nothing is decoded but keys with escapes. Nothing is left out: strings at unlisted places have
    /// label 0.
    ///
    /// - Parameters:
    ///   - node: where to start (its own strings only); the root if `nil`.
    ///   - paths: relative to `node`.
    package func forEachString<E: Error>(
        under node: JSONNode? = nil, paths: JSONPaths, _ body: (JSONStringPlace) throws(E) -> Void
    ) throws(E) {
        let first = Int((node ?? root).index)
        let last = Int(token(node ?? root).next)
        try bytes.withUnsafeBufferPointer { source throws(E) in
            guard let base = source.baseAddress else { return }
            let result = withUnsafeTemporaryAllocation(of: JSONWalk.Frame.self, capacity: tape.depthMax + 1) { frames in
                var walk = JSONWalk(tape: tape, base: base, frames: frames, paths: paths)
                return Result { () throws(E) in try walk.run(from: first, to: last, body) }
            }
            try result.get()
        }
    }
}

/// The state of a walk: the place of every open container.
struct JSONWalk {
    struct Frame: BitwiseCopyable {
        var place: Int32
        /// Elements seen so far; of an object: the nearest element around it.
        var element: Int32
        var isArray: Bool
    }

    let tape: JSONTape
    let base: UnsafePointer<UInt8>
    let frames: UnsafeMutableBufferPointer<Frame>
    let paths: JSONPaths

    @inline(__always)
    mutating func run<E: Error>(
        from first: Int, to last: Int, _ body: (JSONStringPlace) throws(E) -> Void
    ) throws(E) {
        let depthFirst = Int(tape.tokens[first].depth)
        // Place of the value that comes next, and the nearest element around it.
        var place: Int32 = 0
        var element: Int32 = -1
        var isAfterKey = true
        for at in first..<last {
            let token = tape.tokens[at]
            let depth = Int(token.depth) &- depthFirst
            if token.isKey {
                let parent = frames[depth &- 1]
                let named: Bool
                (place, named) = member(of: parent.place, token)
                element = parent.element
                isAfterKey = true
                try body(found(at, isKey: true, isNamed: named, place, element))
                continue
            }
            if !isAfterKey {
                // An element of an array.
                let parent = frames[depth &- 1]
                frames[depth &- 1].element = parent.element &+ 1
                place = parent.place < 0 ? -1 : paths.places[Int(parent.place)].any
                element = parent.element
            }
            isAfterKey = false
            switch token.kind {
            case .array: frames[depth] = Frame(place: place, element: 0, isArray: true)
            case .object: frames[depth] = Frame(place: place, element: element, isArray: false)
            case .string: try body(found(at, isKey: false, isNamed: false, place, element))
            default: break
            }
        }
    }

    @inline(__always)
    private func found(_ at: Int, isKey: Bool, isNamed: Bool, _ place: Int32, _ element: Int32) -> JSONStringPlace {
        JSONStringPlace(
            node: JSONNode(index: Int32(truncatingIfNeeded: at)), isKey: isKey, isNamed: isNamed,
            label: place < 0 ? 0 : paths.places[Int(place)].label, element: element)
    }

    @inline(__always)
    private func member(of parent: Int32, _ key: JSONToken) -> (place: Int32, isNamed: Bool) {
        guard parent >= 0 else { return (-1, false) }
        let place = paths.places[Int(parent)]
        let first = base[Int(key.offset)]
        for at in place.edges {
            let edge = paths.edges[at]
            guard edge.first == first || key.isEscaped else { continue }
            let isSame = paths.names.withUnsafeBufferPointer { names in
                Bytes.equal(key, in: base, UnsafeBufferPointer(rebasing: names[edge.name]))
            }
            if isSame { return (edge.target, true) }
        }
        return (place.any, false)
    }
}
