internal import Glibc
internal import JSON

/// A form with a file, as `multipart/form-data` carries it.
///
/// Read strictly, because what a gateway and a server read differently is how filters are passed by; servers get it
/// written anew. Sources: RFC 7578; RFC 2046, section 5.1.1.
struct Form: Sendable {
    struct File: Sendable {
        let field: String
        /// Of the name that the caller gave it: its extension, by which servers tell the format. The name itself is text that
        /// nobody needs.
        let fileExtension: String
        let contentType: String
        let bytes: ArraySlice<UInt8>

        init(field: String, name: String, contentType: String?, bytes: ArraySlice<UInt8>) {
            self.field = field
            let last = name.split(separator: ".", omittingEmptySubsequences: false).dropFirst().last ?? ""
            fileExtension =
                last.utf8.count <= 8 ? String(last.filter { $0.isASCII && ($0.isLetter || $0.isNumber) }) : ""
            self.contentType = Self.mediaType(contentType ?? "")
            self.bytes = bytes
        }

        /// The media type of a file with sound in it, without parameters. Any other could be text.
        private static func mediaType(_ contentType: String) -> String {
            let type = contentType.prefix { $0 != ";" && $0 != " " }.lowercased()
            return mediaTypes.contains(type) ? type : "application/octet-stream"
        }

        private static let mediaTypes: Set<String> = [
            "application/ogg", "audio/3gpp", "audio/aac", "audio/aiff", "audio/amr", "audio/basic", "audio/flac",
            "audio/m4a", "audio/mp3", "audio/mp4", "audio/mpeg", "audio/mpga", "audio/ogg", "audio/opus",
            "audio/vnd.wave", "audio/wav", "audio/wave", "audio/webm", "audio/x-aiff", "audio/x-flac", "audio/x-m4a",
            "audio/x-ms-wma", "audio/x-wav", "video/3gpp", "video/mp4", "video/mpeg", "video/ogg", "video/quicktime",
            "video/webm", "video/x-matroska",
        ]
    }

    /// In order; a name that ends in `[]` may come again.
    private(set) var fields: [(name: String, value: String)] = []
    private(set) var file: File?

    private static let partsMax = 64
    private static let partHeadBytesMax = 4_096
    private static let nameBytesMax = 256

    /// - Parameter boundary: as the content type tells it.
    init(parsing body: [UInt8], boundary: [UInt8]) throws(FormProblem) {
        let line = Array("--".utf8) + boundary
        guard body.starts(with: line) else { throw FormProblem("does not begin with its boundary") }
        var rest = body[line.count...]
        let delimiter = Array("\r\n".utf8) + line
        var parts = 0
        while true {
            if rest.starts(with: "--".utf8) {
                let end = rest.dropFirst(2)
                guard end.isEmpty || end.elementsEqual("\r\n".utf8) else { throw FormProblem("goes on behind its end") }
                return
            }
            guard rest.starts(with: "\r\n".utf8) else { throw FormProblem("has a boundary with something behind it") }
            rest = rest.dropFirst(2)
            guard let end = rest.firstRange(of: delimiter) else { throw FormProblem("lacks its last boundary") }
            parts += 1
            guard parts <= Self.partsMax else { throw FormProblem("has more than \(Self.partsMax) parts") }
            try read(rest[..<end.lowerBound])
            rest = rest[end.upperBound...]
        }
    }

    private mutating func read(_ part: ArraySlice<UInt8>) throws(FormProblem) {
        guard let end = part.prefix(Self.partHeadBytesMax).firstRange(of: Array("\r\n\r\n".utf8)) else {
            throw FormProblem("has a part without a head, or with one above \(Self.partHeadBytesMax) bytes")
        }
        let head: HeadFields
        do throws(HeadProblem) {
            head = try HeadFields(parsing: Array("part\r\n".utf8) + part[..<end.upperBound], fieldsMax: 8)
        } catch {
            throw FormProblem("has a part whose head has \(error.explanation)")
        }
        guard head.count(of: "content-disposition") == 1, let field = head.string("content-disposition") else {
            throw FormProblem("has a part without exactly one content-disposition")
        }
        guard head.first("content-transfer-encoding") == nil else {
            throw FormProblem("has a part with a transfer encoding, which forms have not")
        }
        let disposition = try Disposition(field)
        let content = part[end.upperBound...]
        if let fileName = disposition.fileName {
            guard file == nil else { throw FormProblem("has more than one file") }
            file = File(
                field: disposition.name, name: fileName, contentType: head.string("content-type"), bytes: content)
        } else {
            guard let value = String(validating: content, as: UTF8.self) else {
                throw FormProblem("has a field `\(disposition.name)` that is not UTF-8")
            }
            guard disposition.name.hasSuffix("[]") || !fields.contains(where: { $0.name == disposition.name }) else {
                throw FormProblem("has the field `\(disposition.name)` more than once")
            }
            fields.append((disposition.name, value))
        }
    }

    /// `form-data; name="…"; filename="…"`
    private struct Disposition {
        private(set) var name = ""
        private(set) var fileName: String?

        init(_ text: String) throws(FormProblem) {
            var rest = text.utf8[...]
            guard rest.starts(with: "form-data".utf8) else { throw FormProblem("has a part that is no form data") }
            rest = rest.dropFirst("form-data".utf8.count)
            var names: Set<String> = []
            while let parameter = try Self.next(&rest) {
                guard names.insert(parameter.name).inserted else { throw FormProblem("names a part twice") }
                switch parameter.name {
                case "name": name = parameter.value
                case "filename": fileName = parameter.value
                default: throw FormProblem("has a part with a parameter other than name and filename")
                }
            }
            guard !name.isEmpty, name.utf8.count <= Form.nameBytesMax else {
                throw FormProblem("has a part without a name, or with a long one")
            }
        }

        /// The next `; name="value"`. Quotes in values are written `%22`, as browsers do, or `\"`; both stay as they are.
        private static func next(_ rest: inout Substring.UTF8View) throws(FormProblem) -> (name: String, value: String)?
        {
            rest = rest.drop { $0 == 0x20 }
            if rest.isEmpty { return nil }
            guard rest.first == 0x3B else { throw FormProblem("has a part whose name can't be read") }
            rest = rest.dropFirst().drop { $0 == 0x20 }
            guard let equals = rest.firstIndex(of: 0x3D) else {
                throw FormProblem("has a part whose name can't be read")
            }
            let name = String(Substring(rest[..<equals])).lowercased()
            rest = rest[equals...].dropFirst()
            guard rest.first == 0x22 else { throw FormProblem("has a part whose name is not in quotes") }
            rest = rest.dropFirst()
            guard let end = rest.firstIndex(of: 0x22), !rest[..<end].contains(0x5C) else {
                throw FormProblem("has a part whose name ends nowhere, or has a backslash")
            }
            let value = String(Substring(rest[..<end]))
            rest = rest[end...].dropFirst()
            return (name, value)
        }
    }
}

/// Why a form can't be read; the rest of a sentence that begins with "The form".
struct FormProblem: Error, Hashable {
    let text: String

    init(_ text: String) {
        self.text = text
    }
}

extension Form {
    /// The boundary that a content type tells; `nil` if it is not that of a form.
    static func boundary(of contentType: String) -> [UInt8]? {
        let parts = contentType.split(separator: ";").map { $0.drop { $0 == " " } }
        guard parts.first?.lowercased() == "multipart/form-data" else { return nil }
        guard let parameter = parts.dropFirst().first(where: { $0.lowercased().hasPrefix("boundary=") }) else {
            return nil
        }
        var boundary = parameter.utf8.dropFirst("boundary=".utf8.count)
        if boundary.first == 0x22, boundary.last == 0x22, boundary.count > 1 {
            boundary = boundary.dropFirst().dropLast()
        }
        let isOne = boundary.allSatisfy { CharacterClass.isToken($0) || $0 == 0x3D || $0 == 0x2F || $0 == 0x3A }
        guard (1...70).contains(boundary.count), isOne else { return nil }
        return Array(boundary)
    }

    /// The fields as a JSON object of strings, and of arrays where a name may come again.
    var json: [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            var written: Set<String> = []
            for (name, value) in fields where written.insert(name).inserted {
                writer.key(name)
                guard name.hasSuffix("[]") else {
                    writer.string(value)
                    continue
                }
                writer.array { writer in
                    for field in fields where field.name == name { writer.string(field.value) }
                }
            }
        }
        return writer.bytes
    }

    /// A boundary for a form whose parts are already here: 128 random bits, so that who wrote the parts could not put it
    /// into one of them and smuggle in another part.
    static func newBoundary() -> String {
        var generator = SystemRandomNumberGenerator()
        let (high, low) = (generator.next(), generator.next())
        return "steward-\(String(high, radix: 36))-\(String(low, radix: 36))"
    }

    /// A form with the fields of an object such as `json` makes, and a file.
    ///
    /// - Parameter boundary: as `newBoundary` makes it, when the parts are here.
    static func encoded(_ object: JSONDocument, _ file: File, boundary: String) -> [UInt8] {
        var body: [UInt8] = []
        body.reserveCapacity(file.bytes.count + object.bytes.count + 1_024)
        func append(_ name: String, _ value: JSONNode) {
            body.append(contentsOf: "--\(boundary)\r\ncontent-disposition: form-data; name=\"\(name)\"\r\n\r\n".utf8)
            object.appendUTF8(of: value, to: &body)
            body.append(contentsOf: "\r\n".utf8)
        }
        object.forEachMember(of: object.root) { key, value in
            let name = object.string(key) ?? ""
            if object.kind(value) == .array {
                for element in object.elements(of: value) { append(name, element) }
            } else {
                append(name, value)
            }
        }
        body.append(contentsOf: "--\(boundary)\r\ncontent-disposition: form-data; name=\"\(file.field)\"; ".utf8)
        body.append(
            contentsOf: "filename=\"file.\(file.fileExtension)\"\r\ncontent-type: \(file.contentType)\r\n\r\n".utf8)
        body.append(contentsOf: file.bytes)
        body.append(contentsOf: "\r\n--\(boundary)--\r\n".utf8)
        return body
    }
}

extension ArraySlice<UInt8> {
    /// Where `pattern`, which is not empty, first stands.
    fileprivate func firstRange(of pattern: [UInt8]) -> Range<Int>? {
        withUnsafeBytes { bytes in
            var index = 0
            while index + pattern.count <= bytes.count {
                let rest = UnsafeRawBufferPointer(rebasing: bytes[index...])
                guard let base = rest.baseAddress, let found = memchr(base, Int32(pattern[0]), rest.count) else {
                    return nil
                }
                index += UnsafeRawPointer(found) - base
                guard index + pattern.count <= bytes.count else { return nil }
                if bytes[index..<index + pattern.count].elementsEqual(pattern) {
                    return startIndex + index..<startIndex + index + pattern.count
                }
                index += 1
            }
            return nil
        }
    }
}
