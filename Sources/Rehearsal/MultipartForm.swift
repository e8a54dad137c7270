internal import NIOCore

#if canImport(Glibc)
internal import Glibc
#endif

/// A form with files (`multipart/form-data`).
///
/// Source: RFC 7578; RFC 2046, 5.1.1.
struct MultipartForm: Sendable {
    private struct Field {
        var name: String
        var value: Value
    }

    private static let fieldsMax = 128
    private static let headBytesMax = 8_192

    private var fields: [Field] = []

    init(_ body: ByteBuffer, contentType: String?) throws(Complaint) {
        guard let boundary = Self.boundary(of: contentType ?? "") else {
            throw Complaint(400, "Send multipart/form-data with a boundary.")
        }
        // The first boundary may stand at the very start, where no line end comes before it.
        var rest = ByteBuffer(string: "\r\n")
        rest.writeImmutableBuffer(body)
        let mark = Array("\r\n--\(boundary)".utf8)
        guard Self.read(&rest, upTo: mark) != nil else { throw Self.malformed }
        while rest.readableBytesView.starts(with: "\r\n".utf8) {
            rest.moveReaderIndex(forwardBy: 2)
            guard fields.count < Self.fieldsMax, let part = Self.read(&rest, upTo: mark) else { throw Self.malformed }
            fields.append(try Self.field(part))
        }
        guard rest.readableBytesView.starts(with: "--".utf8) else { throw Self.malformed }
    }

    private static let malformed = Complaint(400, "The form is no multipart/form-data that can be read.")

    /// All fields as a request's body: texts; files by name, size and digest; arrays where the name ends with `[]`.
    var value: Value {
        var members: [Value.Member] = []
        for field in fields {
            let isArray = field.name.hasSuffix("[]")
            guard let index = members.firstIndex(where: { $0.name == field.name }) else {
                members.append(.init(name: field.name, value: isArray ? [field.value] : field.value))
                continue
            }
            members[index].value = isArray ? .array((members[index].value.elements ?? []) + [field.value]) : field.value
        }
        return .object(members)
    }

    private static func boundary(of contentType: String) -> String? {
        let parts = contentType.split(separator: ";")
        guard parts.first.map(trimmed)?.lowercased() == "multipart/form-data" else { return nil }
        let boundary = parameter("boundary", of: parts.dropFirst().map(String.init))
        return boundary.flatMap { (1...70).contains($0.utf8.count) ? $0 : nil }
    }

    /// A parameter of a header field's value.
    private static func parameter(_ name: String, of parameters: [String]) -> String? {
        for parameter in parameters {
            let pair = parameter.split(separator: "=", maxSplits: 1)
            guard pair.count == 2, trimmed(pair[0]).lowercased() == name else { continue }
            let value = trimmed(pair[1])
            let isQuoted = value.count >= 2 && value.hasPrefix("\"") && value.hasSuffix("\"")
            return isQuoted ? String(value.dropFirst().dropLast()) : value
        }
        return nil
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }

    private static func field(_ part: ByteBuffer) throws(Complaint) -> Field {
        // A part without headers begins with the empty line.
        var part = part
        guard let head = read(&part, upTo: Array("\r\n\r\n".utf8)), head.readableBytes <= headBytesMax,
            let lines = String(validating: head.readableBytesView, as: UTF8.self)
        else { throw malformed }
        let disposition = lines.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-disposition:") }
        let parameters = (disposition ?? "").split(separator: ";").dropFirst().map(String.init)
        guard let name = parameter("name", of: parameters) else { throw malformed }
        if let filename = parameter("filename", of: parameters) {
            var digest = Seed().adding(part.readableBytesView)
            let file: Value = [
                "filename": .string(filename), "bytes": .number(part.readableBytes),
                "digest": .string(digest.identifier()),
            ]
            return Field(name: name, value: file)
        }
        guard let text = String(validating: part.readableBytesView, as: UTF8.self) else {
            throw Complaint(400, "\(name) must be a text in UTF-8.", param: name)
        }
        return Field(name: name, value: .string(text))
    }

    /// Takes what stands before a mark, and the mark; nil if there is none.
    private static func read(_ buffer: inout ByteBuffer, upTo mark: [UInt8]) -> ByteBuffer? {
        guard let distance = buffer.withUnsafeReadableBytes({ distance(to: mark, in: $0) }) else { return nil }
        let before = buffer.readSlice(length: distance)
        buffer.moveReaderIndex(forwardBy: mark.count)
        return before
    }

    /// Searches as fast as the C library does for the mark's first byte: files are large.
    private static func distance(to mark: [UInt8], in bytes: UnsafeRawBufferPointer) -> Int? {
        guard let start = bytes.baseAddress else { return nil }
        var place = 0
        while bytes.count - place >= mark.count {
            let last = bytes.count - mark.count
            guard let found = memchr(start + place, Int32(mark[0]), last - place + 1) else { return nil }
            place = UnsafeRawPointer(found) - start
            if memcmp(found, mark, mark.count) == 0 { return place }
            place += 1
        }
        return nil
    }
}
