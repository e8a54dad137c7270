internal import Storage

/// The head of an upstream's answer.
struct ResponseHead: Sendable {
    let fields: HeadFields
    let status: Int
    let framing: BodyFraming
    let keepsAlive: Bool

    /// Parses a head that ends in an empty line, of an answer to a POST or GET.
    ///
    /// As strict as for requests: an answer whose framing is in doubt would desynchronise a reused connection.
    init(parsing bytes: consuming [UInt8], fieldsMax: Int) throws(HeadProblem) {
        let fields = try HeadFields(parsing: bytes, fieldsMax: fieldsMax)
        let line = fields.bytes[fields.startLine]
        let isVersion11 = line.starts(with: "HTTP/1.1 ".utf8)
        guard isVersion11 || line.starts(with: "HTTP/1.0 ".utf8), line.count >= 12,
            let status = line[9..<12].decimal, status >= 100, line.count == 12 || line[12] == 0x20
        else { throw .malformed("no status line") }
        // What follows a switch is another protocol; read on, its bytes would pass for the answer.
        guard status != 101 else { throw .malformed("a switch of protocols that nobody asked for") }
        self.status = status
        // HTTP/1.0 knows no interim answers: it may be the whole answer, and what follows another's.
        guard status >= 200 || isVersion11 else { throw .malformed("an interim answer in HTTP/1.0") }
        // Also where there is no body: whoever contradicts itself about a length is not to be trusted with the next.
        let framing = try BodyFraming(ofRequest: fields, isVersion11: isVersion11)
        if status < 200 || status == 204 || status == 304 {
            self.framing = .none
        } else if fields.first("content-length") == nil, fields.first("transfer-encoding") == nil {
            self.framing = .untilClose
        } else {
            self.framing = framing
        }
        keepsAlive = isVersion11 && self.framing != .untilClose && !fields.list("connection", contains: "close")
        self.fields = fields
    }

    /// Whether the media type, without parameters, is `type` (lower case).
    func isMediaType(_ type: StaticString) -> Bool {
        guard let field = fields.first("content-type") else { return false }
        return fields.value(of: field).prefix { $0 != 0x3B }.isToken(type)
    }

    /// What `retry-after-ms`, or else `retry-after`, asks for, an hour at most; `nil` where there is neither.
    func retryAfterMilliseconds(at now: Timestamp) -> Int? {
        if let field = fields.first("retry-after-ms"),
            let milliseconds = RetryAfterField.number(fields.value(of: field), unit: 1)
        {
            return milliseconds
        }
        return fields.first("retry-after").map { RetryAfterField.milliseconds(fields.value(of: $0), at: now) }
    }
}
