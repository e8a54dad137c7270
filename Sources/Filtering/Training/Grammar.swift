internal import Yams

/// Sentences of ours: frames whose `{name}` stand for one of a list, each of which may hold such names in turn. Braces around
/// anything else are text.
package struct Grammar: Sendable {
    /// What one grammar of a file makes.
    struct Production: Codable, Sendable {
        var name: String
        var labels: [String: Int]
        /// How many sentences are drawn; fewer come out, since each counts once.
        var count: Int
        /// A list, whose `{x}` stands for one of the list `fill`.
        var frames: String
        var fill: String?
    }

    private struct File: Codable {
        var lists: [String: [String]]
        var grammars: [Production]?
    }

    private var lists: [String: [String]] = [:]
    private(set) var productions: [Production] = []

    /// Why files are no grammar.
    package struct ReadError: Error, Hashable {
        package let message: String
    }

    /// - Throws: `ReadError` for a file that is none, or a name that stands for nothing or for itself.
    package init(files: [(name: String, yaml: String)]) throws(ReadError) {
        for file in files {
            let read: File
            do {
                read = try YAMLDecoder().decode(File.self, from: file.yaml)
            } catch {
                throw ReadError(message: "\(file.name) is no grammar. \(ClassifierRecipe.reason(error))")
            }
            for (name, list) in read.lists where lists.updateValue(list, forKey: name) != nil {
                throw ReadError(message: "\(file.name): the list `\(name)` stands in another file too.")
            }
            productions += read.grammars ?? []
        }
        guard lists["x"] == nil else {
            throw ReadError(message: "No list can be named `x`, which stands for the fill.")
        }
        var checked: Set<String> = []
        for list in lists.keys.sorted() { try check(list, within: [], &checked) }
        for production in productions {
            guard (0...10_000_000).contains(production.count), production.labels.values.allSatisfy((0...1).contains)
            else {
                throw ReadError(
                    message:
                        "The grammar `\(production.name)` must have a count from 0 to 10000000, and labels of 0 or 1.")
            }
            for name in [production.frames, production.fill].compactMap(\.self) where lists[name]?.isEmpty != false {
                throw ReadError(message: "The grammar `\(production.name)` names the list `\(name)`, which is empty.")
            }
        }
    }

    private func check(_ name: String, within outer: [String], _ checked: inout Set<String>) throws(ReadError) {
        guard !checked.contains(name) else { return }
        guard !outer.contains(name) else { throw ReadError(message: "The list `\(name)` stands for itself.") }
        guard let list = lists[name], !list.isEmpty else {
            throw ReadError(message: "`{\(name)}` in `\(outer.last ?? name)` names no list.")
        }
        for frame in list {
            for inner in Self.places(in: frame).map(\.name) where inner != "x" {
                try check(inner, within: outer + [name], &checked)
            }
        }
        checked.insert(name)
    }

    /// One sentence, and what it was made from.
    struct Sentence {
        var text: String
        /// The grammar and the choice that tells it most from others: sentences of one origin go to one split.
        var origin: String
    }

    func sentence(of production: Production, _ random: inout SplitMix64) -> Sentence {
        let frame = random.pick(lists[production.frames] ?? [])
        var origin = frame
        var text = frame
        if let fill = production.fill {
            origin = random.pick(lists[fill] ?? [])
            text = frame.replacing("{x}", with: origin)
        }
        return Sentence(text: expand(text, &random), origin: "\(production.name)|\(origin)")
    }

    /// One of a list; `nil` if there is no such list.
    func word(of list: String, _ random: inout SplitMix64) -> String? {
        lists[list].map { random.pick($0) }
    }

    private func expand(_ frame: String, _ random: inout SplitMix64) -> String {
        var text = ""
        var end = frame.startIndex
        for place in Self.places(in: frame) {
            text += frame[end..<place.range.lowerBound]
            if let list = lists[place.name] { text += expand(random.pick(list), &random) }
            end = place.range.upperBound
        }
        return text + frame[end...]
    }

    /// Where names stand: small letters, digits and underscores in braces. Other braces are text.
    private static func places(in frame: String) -> [(name: String, range: Range<String.Index>)] {
        frame.matches(of: /\{([a-z0-9_]+)\}/).map { (String($0.1), $0.range) }
    }
}
