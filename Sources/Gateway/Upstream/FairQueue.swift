/// Waits of many, of whom each gets its turn: a pure queue with a bound.
///
/// Owners take turns, whatever each has waiting, so that one who asks a thousand times does not make the others wait a
/// thousand times as long. When it is full, those that may wait least give way: of the owner with the longest line,
/// the last of the lower class that came, or else the newcomer.
struct FairQueue<Owner: Hashable, Element> {
    struct Entry {
        let owner: Owner
        let isPreferred: Bool
        let element: Element
    }

    /// Those that wait already stay, should it become less.
    var countMax: Int
    private var lines: [Owner: [Entry]] = [:]
    /// Owners with something waiting, next first.
    private var turns: [Owner] = []
    private(set) var count = 0

    init(countMax: Int) {
        self.countMax = countMax
    }

    var isEmpty: Bool { count == 0 }

    enum Joined {
        case waiting
        case refused
        /// Somebody else had to go.
        case inPlaceOf(Element)
    }

    /// - Parameter isPreferred: the others may fill half of the queue, and give way when it is full.
    mutating func join(_ element: Element, of owner: Owner, isPreferred: Bool) -> Joined {
        var displaced: Element?
        if count >= (isPreferred ? countMax : countMax / 2) {
            guard isPreferred, countMax > 0, let gone = removeLast(where: { !$0.isPreferred }) else { return .refused }
            displaced = gone
        }
        if lines[owner, default: []].isEmpty { turns.append(owner) }
        lines[owner, default: []].append(Entry(owner: owner, isPreferred: isPreferred, element: element))
        count += 1
        return displaced.map { .inPlaceOf($0) } ?? .waiting
    }

    /// The next in turn.
    mutating func next() -> Element? {
        guard !turns.isEmpty else { return nil }
        let owner = turns.removeFirst()
        guard var line = lines.removeValue(forKey: owner), !line.isEmpty else { return nil }
        let entry = line.removeFirst()
        count -= 1
        if !line.isEmpty {
            lines[owner] = line
            turns.append(owner)
        }
        return entry.element
    }

    /// Takes out everything that fulfils `isGone`.
    mutating func removeAll(where isGone: (Element) -> Bool) -> [Element] {
        var gone: [Element] = []
        for owner in turns {
            lines[owner]?.removeAll { entry in
                guard isGone(entry.element) else { return false }
                gone.append(entry.element)
                return true
            }
        }
        count -= gone.count
        turns.removeAll { lines[$0]?.isEmpty ?? true }
        lines = lines.filter { !$0.value.isEmpty }
        return gone
    }

    /// Of the owner with most of them, the last that came.
    private mutating func removeLast(where mayGo: (Entry) -> Bool) -> Element? {
        let owner = lines.filter { $0.value.contains(where: mayGo) }.max { $0.value.count < $1.value.count }?.key
        guard let owner, let index = lines[owner]?.lastIndex(where: mayGo) else { return nil }
        let entry = lines[owner]?.remove(at: index)
        count -= 1
        if lines[owner]?.isEmpty ?? true {
            lines[owner] = nil
            turns.removeAll { $0 == owner }
        }
        return entry?.element
    }
}
