internal import CContentClassifier
internal import JSON

/// How a model is kept: a line of JSON that says what it is, filled up with blanks to a multiple of 64 bytes, then the rows
/// as they lie in memory.
///
/// ```
/// {"format":"steward-classifier/2","bits":18,"calibration":{"slope":…,"offset":…},"heads":[…]}     ⏎rows…
/// ```
extension ClassifierModel {
    /// Why a file is no model.
    package struct FileError: Error, Hashable, CustomStringConvertible {
        package let description: String
    }

    private static let format = "steward-classifier/2"
    private static let alignment = 64
    private static let headerBytesMax = 65_536
    package static let fileBytesMax = headerBytesMax + headsMax << bitsRange.upperBound

    /// The one that comes with Steward.
    ///
    /// - Throws: `FileError` if it was spoilt before the build.
    package static func shipped() throws(FileError) -> ClassifierModel {
        var count = 0
        let bytes = ccontent_classifier(&count)
        return try ClassifierModel(file: Array(UnsafeBufferPointer(start: bytes, count: count)))
    }

    /// - Throws: `FileError`.
    package convenience init(file: [UInt8]) throws(FileError) {
        guard let lineEnd = file.prefix(Self.headerBytesMax).firstIndex(of: 0x0A) else {
            throw FileError(description: "It does not begin with a line of JSON.")
        }
        let header: JSONDocument
        do {
            header = try JSONDocument(parsing: Array(file[..<lineEnd]))
        } catch {
            throw FileError(description: "Its first line is no JSON: \(error.message)")
        }
        let fields = ClassifierHeader(document: header, node: header.root)
        let format = try fields.text("format")
        guard format == Self.format else {
            throw FileError(description: "Its format is \(format), where \(Self.format) is known.")
        }
        let bits = try fields.whole("bits")
        let calibration = try fields.object("calibration")
        let (slope, offset) = (try calibration.number("slope"), try calibration.number("offset"))
        guard slope > 0, slope < 1e6, abs(offset) < 1e6 else {
            throw FileError(description: "Its calibration has numbers that can't be.")
        }
        let heads = try fields.objects("heads").map { head throws(FileError) in try Head(head) }
        guard Self.bitsRange.contains(bits), (1...Self.headsMax).contains(heads.count) else {
            throw FileError(description: "It has \(heads.count) heads and 2^\(bits) rows.")
        }
        let rows = file[(lineEnd + 1)...]
        guard rows.count == Self.headsMax << bits else {
            throw FileError(description: "It has \(rows.count) bytes of weights, not \(Self.headsMax << bits).")
        }
        // What is added up in 16 bits fits for weights of up to 127 alone.
        guard !rows.contains(0x80) else { throw FileError(description: "A weight of it is -128.") }
        self.init(
            heads: heads,
            calibration: Calibration(slope: slope, offset: offset),
            bits: bits, rows: rows.withUnsafeBytes { bytes in (0..<(1 << bits)).map { Self.row(bytes, $0) } })
    }

    private static func row(_ bytes: UnsafeRawBufferPointer, _ index: Int) -> SIMD8<Int8> {
        bytes.loadUnaligned(fromByteOffset: index * headsMax, as: SIMD8<Int8>.self)
    }

    /// The model as a file: the same bytes for the same model.
    package var file: [UInt8] {
        var writer = JSONWriter(capacity: 4_096)
        writer.object { writer in
            writer.key("format" as StaticString)
            writer.string(Self.format)
            writer.key("bits" as StaticString)
            writer.int(bits)
            writer.key("calibration" as StaticString)
            writer.object { writer in
                writer.key("slope" as StaticString)
                writer.double(calibration.slope)
                writer.key("offset" as StaticString)
                writer.double(calibration.offset)
            }
            writer.key("heads" as StaticString)
            writer.array { writer in for head in heads { head.write(to: &writer) } }
        }
        var file = writer.bytes
        while file.count % Self.alignment != Self.alignment - 1 { file.append(0x20) }
        file.append(0x0A)
        for row in 0..<(1 << bits) { withUnsafeBytes(of: rows[row]) { file.append(contentsOf: $0) } }
        return file
    }
}

extension ClassifierModel.Head {
    fileprivate init(_ fields: ClassifierHeader) throws(ClassifierModel.FileError) {
        self.init(
            name: try fields.text("name"), category: Category(try fields.text("category")),
            scale: try fields.number("scale"), bias: try fields.number("bias"),
            lengthSixteenths: try fields.whole("length_sixteenths"), judgesWhole: try fields.flag("judges_whole"),
            usual: try fields.number("usual"), unusual: try fields.number("unusual"),
            thresholds: try fields.objects("thresholds").map { fields throws(ClassifierModel.FileError) in
                Threshold(rate: try fields.number("rate"), score: try fields.number("score"))
            })
        guard Self.isName(name), Self.isName(category.rawValue) else {
            throw ClassifierModel.FileError(description: "A head's name or category in its first line is no name.")
        }
        let isPossible =
            (0...31).contains(lengthSixteenths) && (0..<1e6).contains(scale) && abs(bias) < 1e6 && abs(usual) < 1e6
            && abs(unusual) < 1e6 && unusual > usual
            && thresholds.allSatisfy { $0.rate > 0 && $0.rate < 1 && abs($0.score) < 1e9 } && !thresholds.isEmpty
        guard isPossible else {
            throw ClassifierModel.FileError(description: "Its head \(name) has numbers that can't be.")
        }
    }

    /// Whether a text may name a head or a category: small letters, digits, underscores and points.
    static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 64
            && text.utf8.allSatisfy { $0 &- 0x61 < 26 || $0.isASCIIDigit || $0 == 0x5F || $0 == 0x2E }
    }

    fileprivate func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("name" as StaticString)
            writer.string(name)
            writer.key("category" as StaticString)
            writer.string(category.rawValue)
            writer.key("scale" as StaticString)
            writer.double(scale)
            writer.key("bias" as StaticString)
            writer.double(bias)
            writer.key("length_sixteenths" as StaticString)
            writer.int(lengthSixteenths)
            writer.key("judges_whole" as StaticString)
            writer.bool(judgesWhole)
            writer.key("usual" as StaticString)
            writer.double(usual)
            writer.key("unusual" as StaticString)
            writer.double(unusual)
            writer.key("thresholds" as StaticString)
            writer.array { writer in
                for threshold in thresholds {
                    writer.object { writer in
                        writer.key("rate" as StaticString)
                        writer.double(threshold.rate)
                        writer.key("score" as StaticString)
                        writer.double(threshold.score)
                    }
                }
            }
        }
    }
}

/// An object of a model's first line.
private struct ClassifierHeader {
    let document: JSONDocument
    let node: JSONNode

    func text(_ name: String) throws(ClassifierModel.FileError) -> String {
        try value(name, "a text") { document.string($0) }
    }

    func number(_ name: String) throws(ClassifierModel.FileError) -> Double {
        try value(name, "a number") { document.double($0) }
    }

    func whole(_ name: String) throws(ClassifierModel.FileError) -> Int {
        try value(name, "a whole number") { document.int($0) }
    }

    func flag(_ name: String) throws(ClassifierModel.FileError) -> Bool {
        try value(name, "true or false") { document.bool($0) }
    }

    func object(_ name: String) throws(ClassifierModel.FileError) -> ClassifierHeader {
        try value(name, "an object") {
            document.kind($0) == .object ? ClassifierHeader(document: document, node: $0) : nil
        }
    }

    func objects(_ name: String) throws(ClassifierModel.FileError) -> [ClassifierHeader] {
        try value(name, "a list") { node in
            document.kind(node) == .array
                ? document.elements(of: node).map { ClassifierHeader(document: document, node: $0) } : nil
        }
    }

    private func value<Value>(
        _ name: String, _ what: String, _ read: (JSONNode) -> Value?
    ) throws(ClassifierModel.FileError) -> Value {
        guard document.kind(node) == .object, let member = document.member(name, of: node), let value = read(member)
        else {
            throw ClassifierModel.FileError(description: "`\(name)` in its first line must be \(what).")
        }
        return value
    }
}
