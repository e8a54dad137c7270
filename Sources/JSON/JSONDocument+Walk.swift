/// A string that a walk found, or a long number, and where.
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
    ///   - digitsMin: numbers that are written with so many digits are given too, as if they were strings; no other number is.
    package func forEachString(
        under node: JSONNode? = nil, paths: JSONPaths, andNumbersOf digitsMin: Int = .max,
        _ body: (JSONStringPlace) -> Void
    ) {
        let first = Int((node ?? root).index)
        let last = Int(token(node ?? root).next)
        bytes.withUnsafeBufferPointer { source in
            paths.withTables { tables in
                withUnsafeTemporaryAllocation(of: JSONWalk.Frame.self, capacity: tape.depthMax + 1) { frames in
                    guard let base = source.baseAddress else { return }
                    var walk = JSONWalk(
                        tokens: tape.tokens, base: base, frames: frames, tables: tables, digitsMin: digitsMin)
                    walk.run(from: first, to: last, body)
                }
            }
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

    let tokens: UnsafePointer<JSONToken>
    let base: UnsafePointer<UInt8>
    let frames: UnsafeMutableBufferPointer<Frame>
    let tables: JSONPaths.Tables
    let digitsMin: Int

    @inline(__always)
    mutating func run(from first: Int, to last: Int, _ body: (JSONStringPlace) -> Void) {
        let depthFirst = Int(tokens[first].depth)
        // Place of the value that comes next, and the nearest element around it.
        var place: Int32 = 0
        var element: Int32 = -1
        var isAfterKey = true
        for at in first..<last {
            let token = tokens[at]
            let depth = Int(token.depth) &- depthFirst
            if token.isKey {
                let parent = frames[depth &- 1]
                let named: Bool
                (place, named) = member(of: parent.place, token)
                element = parent.element
                isAfterKey = true
                body(found(at, isKey: true, isNamed: named, place, element))
                continue
            }
            if !isAfterKey {
                // An element of an array.
                let parent = frames[depth &- 1]
                frames[depth &- 1].element = parent.element &+ 1
                place = parent.place < 0 ? -1 : tables.places[Int(parent.place)].any
                element = parent.element
            }
            isAfterKey = false
            switch token.kind {
            case .array: frames[depth] = Frame(place: place, element: 0, isArray: true)
            case .object: frames[depth] = Frame(place: place, element: element, isArray: false)
            case .string: body(found(at, isKey: false, isNamed: false, place, element))
            case .number where Int(token.length) >= digitsMin && isLong(token):
                body(found(at, isKey: false, isNamed: false, place, element))
            default: break
            }
        }
    }

    /// Whether a number is written with enough digits, wherever in it they stand.
    @inline(__always)
    private func isLong(_ token: JSONToken) -> Bool {
        let text = UnsafeBufferPointer(start: base + Int(token.offset), count: Int(token.length))
        var digits = 0
        for byte in text where byte &- 0x30 < 10 { digits &+= 1 }
        return digits >= digitsMin
    }

    @inline(__always)
    private func found(_ at: Int, isKey: Bool, isNamed: Bool, _ place: Int32, _ element: Int32) -> JSONStringPlace {
        JSONStringPlace(
            node: JSONNode(index: Int32(truncatingIfNeeded: at)), isKey: isKey, isNamed: isNamed,
            label: place < 0 ? 0 : tables.places[Int(place)].label, element: element)
    }

    @inline(__always)
    private func member(of parent: Int32, _ key: JSONToken) -> (place: Int32, isNamed: Bool) {
        guard parent >= 0 else { return (-1, false) }
        let place = tables.places[Int(parent)]
        let first = base[Int(key.offset)]
        guard let edges = tables.edges, let names = tables.names else { return (place.any, false) }
        for at in place.edges {
            let edge = edges[at]
            guard edge.first == first || key.isEscaped else { continue }
            let name = UnsafeBufferPointer(start: names + edge.name.lowerBound, count: edge.name.count)
            if Bytes.equal(key, in: base, name) { return (edge.target, true) }
        }
        return (place.any, false)
    }
}
