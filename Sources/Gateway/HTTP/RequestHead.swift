/// The head of a request, parsed once.
struct RequestHead: Sendable {
    enum Method: Sendable, Equatable { case get, head, post, other }

    let fields: HeadFields
    let method: Method
    /// Of the request target, without the query.
    let path: String
    let framing: BodyFraming
    let isVersion11: Bool
    let keepsAlive: Bool
    let expectsContinue: Bool

    /// Parses a head that ends in an empty line.
    ///
    /// Refuses what smuggling needs: `Transfer-Encoding` with `Content-Length`, either of them twice, a coding other
    /// than `chunked`, and HTTP/1.0 with a transfer coding. Source: RFC 9112, section 6.
    init(parsing bytes: consuming [UInt8], fieldsMax: Int) throws(HeadProblem) {
        let fields = try HeadFields(parsing: bytes, fieldsMax: fieldsMax)
        let line = fields.bytes[fields.startLine]
        guard let methodEnd = line.firstIndex(of: 0x20), methodEnd > line.startIndex,
            let targetEnd = line.lastIndex(of: 0x20), targetEnd > methodEnd + 1
        else { throw .malformed("no request line of method, target and version") }
        let version = line[(targetEnd + 1)...]
        isVersion11 = version.elementsEqual("HTTP/1.1".utf8)
        guard isVersion11 || version.elementsEqual("HTTP/1.0".utf8) else { throw .unsupportedVersion }
        method = try Self.method(line[..<methodEnd])
        path = try Self.path(line[(methodEnd + 1)..<targetEnd])
        guard fields.count(of: "host") <= 1, !isVersion11 || fields.first("host") != nil else {
            throw .malformed("no host field, or more than one")
        }
        framing = try BodyFraming(ofRequest: fields, isVersion11: isVersion11)
        keepsAlive = isVersion11 && !fields.list("connection", contains: "close")
        expectsContinue = isVersion11 && fields.list("expect", contains: "100-continue")
        self.fields = fields
    }

    private static func method(_ name: ArraySlice<UInt8>) throws(HeadProblem) -> Method {
        for byte in name where !CharacterClass.isToken(byte) { throw .malformed("a method that is no token") }
        if name.elementsEqual("POST".utf8) { return .post }
        if name.elementsEqual("GET".utf8) { return .get }
        if name.elementsEqual("HEAD".utf8) { return .head }
        return .other
    }

    private static func path(_ target: ArraySlice<UInt8>) throws(HeadProblem) -> String {
        for byte in target where byte <= 0x20 || byte >= 0x7F { throw .malformed("a target with a space or control") }
        guard target.first == 0x2F else { throw .malformed("a target that is no path") }
        return String(decoding: target.prefix { $0 != 0x3F }, as: UTF8.self)
    }
}

/// How the end of a body is known.
enum BodyFraming: Sendable, Equatable {
    case none
    case length(Int)
    case chunked
    /// Answers only.
    case untilClose

    init(ofRequest fields: HeadFields, isVersion11: Bool) throws(HeadProblem) {
        let lengths = fields.count(of: "content-length")
        let codings = fields.count(of: "transfer-encoding")
        if codings > 0 {
            guard lengths == 0 else { throw .malformed("both content-length and transfer-encoding") }
            guard codings == 1, isVersion11 else { throw .malformed("a transfer-encoding that cannot be trusted") }
            guard let field = fields.first("transfer-encoding"), fields.value(of: field).isToken("chunked") else {
                throw .unsupportedTransferCoding
            }
            guard Self.endsPlainly(field, of: fields) else { throw .malformed("a tab after its transfer-encoding") }
            self = .chunked
        } else if lengths > 0 {
            guard lengths == 1, let field = fields.first("content-length"),
                let length = fields.value(of: field).decimal,
                Self.endsPlainly(field, of: fields)
            else { throw .malformed("a content-length that is not one decimal number") }
            self = length == 0 ? .none : .length(length)
        } else {
            self = .none
        }
    }

    /// Whether nothing but spaces stands between a value and its line's end.
    ///
    /// A tab is white space too, by the standard. But llhttp takes it for a part of the value, which then is no coding or
    /// length that it knows, and so reads another body than we would.
    private static func endsPlainly(_ field: HeadFields.Field, of fields: HeadFields) -> Bool {
        fields.bytes[Int(field.valueEnd)...].prefix { $0 != 0x0D }.allSatisfy { $0 == 0x20 }
    }
}
