/// A set of places in a document, each with a label, that a walk over all strings recognises as it goes.
///
/// ```swift
/// static let paths = JSONPaths([
///     ("messages/*/role", 1), ("messages/*/content", 2), ("messages/*/content/*/text", 2), ("metadata/**", 3),
/// ])
/// ```
/// A pattern's parts are separated by `/`: a member's name, `*` for any member or element, or at the end `**` for
/// everything below (not the place itself). Of the patterns that match a place the most particular gives the label: at
/// the first part in which they differ a name goes before `*`, and `*` before `**`. Where none matches, the label is 0.
/// Make it once (it becomes a state machine); looking up costs a few ns a key.
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

    /// - Parameter patterns: relative to the node at which a walk starts; labels from 1 to 255. Of two equal patterns
    ///   the later counts.
    package init(_ patterns: [(pattern: String, label: UInt8)]) {
        let machine = JSONPathMachine(patterns)
        var states = [machine.start]
        var numbers = [machine.start: 0]
        func number(_ state: Set<JSONPathMachine.Position>) -> Int32 {
            if state.isEmpty { return -1 }
            if let known = numbers[state] { return Int32(known) }
            numbers[state] = states.count
            states.append(state)
            return Int32(states.count - 1)
        }
        var done = 0
        while done < states.count {
            let state = states[done]
            let first = edges.count
            for name in machine.names(from: state) {
                let start = names.count
                names.append(contentsOf: name.utf8)
                let target = number(machine.advance(state, by: name))
                edges.append(Edge(name: start..<names.count, first: names[start], target: target))
            }
            let any = number(machine.advance(state, by: nil))
            places.append(Place(label: machine.label(of: state), edges: first..<edges.count, any: any))
            done += 1
        }
    }

    /// The tables as pointers, so that a look-up checks no bounds and counts no references: every index in them was made
    /// by `init`.
    struct Tables {
        var places: UnsafePointer<Place>
        var edges: UnsafePointer<Edge>?
        var names: UnsafePointer<UInt8>?
    }

    @inline(__always)
    func withTables<R>(_ body: (Tables) -> R) -> R {
        places.withUnsafeBufferPointer { places in
            edges.withUnsafeBufferPointer { edges in
                names.withUnsafeBufferPointer { names in
                    // There is always the place of the root.
                    body(Tables(places: places.baseAddress!, edges: edges.baseAddress, names: names.baseAddress))
                }
            }
        }
    }
}
