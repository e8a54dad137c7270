/// A strict reader of Prometheus' text format 0.0.4, written from its specification and sharing no code with the writer.
///
/// Source: https://prometheus.io/docs/instrumenting/exposition_formats/
struct ExpositionParser {
    struct Sample: Hashable {
        var name: String
        var labels: [String: String]
        var value: Double
    }

    struct Family {
        var name: String
        var help: String
        var type: String
        var samples: [Sample] = []
    }

    struct Failure: Error, CustomStringConvertible {
        var line: Int
        var description: String
    }

    /// Families in their order; refuses what Prometheus refuses, and also what it tolerates but we never write.
    static func parse(_ bytes: [UInt8]) throws -> [Family] {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw Failure(line: 0, description: "UTF-8") }
        guard text.isEmpty || text.unicodeScalars.last == "\n" else {
            throw Failure(line: 0, description: "no last newline")
        }
        var families: [Family] = []
        var seen: Set<String> = []
        var identities: Set<Sample> = []
        let lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        for (number, scalars) in lines.enumerated() {
            var line = Reader(scalars: Array(scalars), line: number + 1)
            if line.take("# HELP ") {
                let name = try line.name()
                try line.expect(" ")
                guard seen.insert(name).inserted else { throw line.failure("family \(name) comes twice") }
                families.append(Family(name: name, help: try line.help(), type: ""))
            } else if line.take("# TYPE ") {
                let name = try line.name()
                try line.expect(" ")
                guard families.last?.name == name, families.last?.type == "" else {
                    throw line.failure("TYPE of \(name)")
                }
                let type = line.rest()
                guard ["counter", "gauge", "histogram"].contains(type) else { throw line.failure("type \(type)") }
                families[families.count - 1].type = type
            } else {
                let sample = try line.sample()
                var identity = sample
                identity.value = 0
                guard identities.insert(identity).inserted else { throw line.failure("sample comes twice") }
                guard let family = families.last, family.type != "", family.owns(sample.name) else {
                    throw line.failure("\(sample.name) stands outside its family")
                }
                families[families.count - 1].samples.append(sample)
            }
        }
        for family in families { try family.check() }
        return families
    }
}

extension ExpositionParser.Family {
    func owns(_ sample: String) -> Bool {
        type == "histogram" ? ["_bucket", "_sum", "_count"].contains { sample == name + $0 } : sample == name
    }

    /// Buckets ascend in bound and count, end with `+Inf`, and agree with the count.
    func check() throws {
        guard !samples.isEmpty else { throw ExpositionParser.Failure(line: 0, description: "\(name) has no samples") }
        guard type == "histogram" else { return }
        let groups = Dictionary(grouping: samples) { sample in sample.labels.filter { $0.key != "le" } }
        for (labels, group) in groups {
            let buckets = group.filter { $0.name == name + "_bucket" }
            let bounds = buckets.map { Double($0.labels["le"] == "+Inf" ? "inf" : $0.labels["le"] ?? "nan")! }
            let isSound =
                bounds.last == .infinity && zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }
                && zip(buckets, buckets.dropFirst()).allSatisfy { $0.value <= $1.value }
                && group.filter { $0.name == name + "_count" }.map(\.value) == [buckets.last!.value]
                && group.filter { $0.name == name + "_sum" }.count == 1
            guard isSound else { throw ExpositionParser.Failure(line: 0, description: "\(name) \(labels) is unsound") }
        }
    }
}

private struct Reader {
    let scalars: [Unicode.Scalar]
    let line: Int
    var position = 0

    init(scalars: [Unicode.Scalar], line: Int) {
        (self.scalars, self.line) = (scalars, line)
    }

    func failure(_ text: String) -> ExpositionParser.Failure {
        .init(line: line, description: "line \(line), column \(position + 1): \(text)")
    }

    mutating func take(_ text: String) -> Bool {
        guard scalars[position...].starts(with: text.unicodeScalars) else { return false }
        position += text.unicodeScalars.count
        return true
    }

    mutating func expect(_ text: String) throws {
        guard take(text) else { throw failure("expected \(text)") }
    }

    mutating func rest() -> String {
        defer { position = scalars.count }
        return String(String.UnicodeScalarView(scalars[position...]))
    }

    mutating func name() throws -> String {
        let start = position
        while position < scalars.count {
            let scalar = scalars[position]
            let isDigit = ("0"..."9").contains(scalar)
            let isLetter = ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || scalar == "_"
            guard isLetter || (isDigit && position > start) else { break }
            position += 1
        }
        guard position > start else { throw failure("expected a name") }
        return String(String.UnicodeScalarView(scalars[start..<position]))
    }

    mutating func help() throws -> String {
        var text = ""
        while position < scalars.count {
            text.unicodeScalars.append(try scalar(escapes: ["\\": "\\", "n": "\n"]))
        }
        return text
    }

    mutating func scalar(escapes: [Unicode.Scalar: Unicode.Scalar]) throws -> Unicode.Scalar {
        defer { position += 1 }
        guard scalars[position] == "\\" else { return scalars[position] }
        position += 1
        guard position < scalars.count, let meant = escapes[scalars[position]] else { throw failure("bad escape") }
        return meant
    }

    mutating func sample() throws -> ExpositionParser.Sample {
        let name = try name()
        var labels: [String: String] = [:]
        if take("{") {
            repeat {
                let label = try self.name()
                guard !label.hasPrefix("__") else { throw failure("reserved label") }
                try expect("=\"")
                var value = ""
                while position < scalars.count, scalars[position] != "\"" {
                    value.unicodeScalars.append(try scalar(escapes: ["\\": "\\", "n": "\n", "\"": "\""]))
                }
                try expect("\"")
                guard labels.updateValue(value, forKey: label) == nil else {
                    throw failure("label \(label) comes twice")
                }
            } while take(",")
            try expect("}")
        }
        try expect(" ")
        let number = rest()
        let special = ["+Inf": Double.infinity, "-Inf": -.infinity, "NaN": .nan]
        guard let value = special[number] ?? Double(number), !number.hasPrefix("+") || special[number] != nil else {
            throw failure("value \(number)")
        }
        return .init(name: name, labels: labels, value: value)
    }
}

/// A generator that gives the same numbers for the same seed (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

extension SeededGenerator {
    /// Text of up to `length` scalars, rich in what escaping can get wrong.
    mutating func text(length: Int) -> String {
        let nasty: [Unicode.Scalar] = [
            "\\", "\"", "\n", "\r", "{", "}", ",", "=", " ", "#", "n", "\u{0}", "\u{2028}", "é", "\u{202E}", "😀",
        ]
        var text = ""
        for _ in 0..<Int.random(in: 0...length, using: &self) {
            let isNasty = Bool.random(using: &self)
            let scalar =
                isNasty
                ? nasty.randomElement(using: &self)! : Unicode.Scalar(UInt32.random(in: 1..<0xD800, using: &self))!
            text.unicodeScalars.append(scalar)
        }
        return text
    }
}
