import JSON
import Testing

@Suite("Walk over all strings, with the place of each")
struct PathTests {
    static let patterns: [(pattern: String, label: UInt8)] = [
        ("model", 1), ("messages/*/role", 2), ("messages/*/content", 3), ("messages/*/content/*/text", 4),
        ("metadata/**", 5), ("tools/*/function/name", 6), ("*/x", 7), ("stop/*", 8),
    ]

    @Test("labels a chat request")
    func labelsRequest() throws {
        let text = #"""
            {"model":"m","messages":[{"role":"user","content":"hi"},{"r\u006fle":"user","content":[{"type":"text",
            "text":"yo"},["deep"]],"name":"bob"}],"metadata":{"a":"b","c":{"d":["e"]}},"stop":["s",["t"]],"new":"n",
            "y":{"x":"seven"},"tools":[{"function":{"name":"f","description":"d"}}]}
            """#
        let document = try JSONDocument(parsing: Array(text.utf8))
        var found: [String] = []
        document.forEachString(paths: JSONPaths(Self.patterns)) { place in
            guard !place.isKey else { return }
            found.append("\(document.string(place.node) ?? "")=\(place.label)@\(place.element)")
        }
        #expect(
            found == [
                "m=1@-1", "user=2@0", "hi=3@0", "user=2@1", "text=0@0", "yo=4@0", "deep=0@0", "bob=0@1", "b=5@-1",
                "e=5@0",
                "s=8@0", "t=0@0", "n=0@-1", "seven=7@-1", "f=6@0", "d=0@0",
            ])
    }

    @Test("marks the keys that a pattern names, and only those")
    func marksNamedKeys() throws {
        let text = #"{"model":"m","messages":[{"role":"r","x":1}],"metadata":{"own":1},"other":{"model":1,"x":2}}"#
        let document = try JSONDocument(parsing: Array(text.utf8))
        var named: [String] = []
        var free: [String] = []
        document.forEachString(paths: JSONPaths(Self.patterns)) { place in
            guard place.isKey else { return }
            let key = document.string(place.node) ?? ""
            if place.isNamed { named.append(key) } else { free.append(key) }
        }
        #expect(named == ["model", "messages", "role", "metadata", "x"])
        #expect(free == ["x", "own", "other", "model"])
    }

    @Test("starts at any node, with paths from there")
    func startsAnywhere() throws {
        let document = try JSONDocument(parsing: Array(#"{"a":["s",{"text":"t"},"u"],"b":"v"}"#.utf8))
        let start = try #require(document.member("a", of: document.root))
        var found: [String] = []
        document.forEachString(under: start, paths: JSONPaths([("*", 1), ("*/text", 2)])) { place in
            found.append("\(document.string(place.node) ?? "")=\(place.label)")
        }
        #expect(found == ["s=1", "text=2", "t=2", "u=1"])
    }

    @Test("gives numbers that are written with enough digits, where it is asked for them")
    func givesLongNumbers() throws {
        let text = #"{"a":[1234,12345,-1234,-12345,12345.5,1234.56789,12345e1,true],"b":{"c":99999}}"#
        let document = try JSONDocument(parsing: Array(text.utf8))
        var found: [String] = []
        document.forEachString(paths: JSONPaths([("b/c", 1)]), andNumbersOf: 5) { place in
            let number = document.bytes[document.source(of: place.node)]
            if !place.isKey { found.append("\(String(decoding: number, as: UTF8.self))=\(place.label)") }
        }
        #expect(found == ["12345=0", "-12345=0", "12345.5=0", "1234.56789=0", "12345e1=0", "99999=1"])
        found = []
        document.forEachString(paths: JSONPaths([])) { found.append(document.string($0.node) ?? "") }
        #expect(found == ["a", "b", "c"])
    }

    @Test("leaves no string out", arguments: 0..<100)
    func leavesNothingOut(seed: Int) throws {
        var documents = Documents(seed: UInt64(seed))
        let document = try JSONDocument(parsing: Array(documents.spelling(of: documents.object()).utf8))
        let expected = document.nodes.filter { document.kind($0) == .string }
        var found: [JSONNode] = []
        document.forEachString(paths: JSONPaths([("x/*", 1), ("*/**", 2)])) { found.append($0.node) }
        #expect(found == Array(expected))
        var labels: [Bool] = []
        document.forEachString(paths: JSONPaths([("**", 9)])) { labels.append($0.label == 9) }
        #expect(labels.allSatisfy { $0 })
    }
}

extension PathTests {
    @Test("labels every place as walking the patterns by hand does", arguments: 0..<200)
    func agreesWithHand(seed: Int) throws {
        var documents = Documents(seed: UInt64(seed))
        let names = ["a", "b", "ab", "*", "*"]
        var patterns: [(pattern: String, label: UInt8)] = []
        for label in 1...UInt8(8) {
            var parts = (0..<1 + documents.random.below(3)).map { _ in documents.random.pick(names) }
            if documents.random.below(4) == 0 { parts.append("**") }
            patterns.append((parts.joined(separator: "/"), label))
        }
        let document = try JSONDocument(parsing: Array(documents.spelling(of: tree(&documents.random, 0)).utf8))
        var wrong: [String] = []
        document.forEachString(paths: JSONPaths(patterns)) { place in
            let parts = document.pointer(to: place.node).split(separator: "/").map(String.init)
            if place.label != Self.label(of: parts, patterns) { wrong.append(document.pointer(to: place.node)) }
        }
        #expect(wrong.isEmpty, "\(patterns)")
    }

    private func tree(_ random: inout Seeded, _ depth: Int) -> Value {
        guard depth < 4, random.below(4) > 0 else { return .string("leaf") }
        if random.below(3) == 0 { return .array((0..<random.below(3)).map { _ in tree(&random, depth + 1) }) }
        return .object(
            ["a", "b", "ab", "c"].filter { _ in random.below(2) == 0 }
                .map { Value.Member(key: $0, value: tree(&random, depth + 1)) })
    }

    /// Matches pattern after pattern; the one whose kinds of parts sort first wins, the later of equals.
    private static func label(of parts: [String], _ patterns: [(pattern: String, label: UInt8)]) -> UInt8 {
        var best: (kinds: String, label: UInt8)?
        for (pattern, label) in patterns {
            var wanted = pattern.split(separator: "/").map(String.init)
            if wanted.last == "**" {
                guard parts.count >= wanted.count else { continue }
                wanted += Array(repeating: "**", count: parts.count - wanted.count)
            }
            guard wanted.count == parts.count, zip(wanted, parts).allSatisfy({ $0.hasPrefix("*") || $0 == $1 }) else {
                continue
            }
            let kinds = wanted.map { $0 == "**" ? "c" : $0 == "*" ? "b" : "a" }.joined()
            if best.map({ kinds <= $0.kinds }) ?? true { best = (kinds, label) }
        }
        return best?.label ?? 0
    }
}
