internal import NIOCore
internal import Storage

/// A status, header fields and a body (or the beginning of a stream), ready to be written.
struct Answer: Sendable {
    var status: Int
    var contentType: StaticString = "application/json"
    /// Names in lower case; values hold no line ends (see `WrittenFields`).
    var fields = WrittenFields()
    var body: [UInt8] = []
}

/// Header fields of an answer, or of a request to an upstream, kept as the bytes that are sent.
struct WrittenFields: Sendable {
    private(set) var bytes: [UInt8] = []

    init() {
        // What an answer usually has, its limits included.
        bytes.reserveCapacity(480)
    }

    mutating func append(_ name: StaticString, _ value: StaticString) {
        append(name)
        bytes.append(contentsOf: UnsafeBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount))
        endLine()
    }

    mutating func append(_ name: StaticString, _ value: Int) {
        append(name)
        bytes.appendDecimal(value)
        endLine()
    }

    /// Bytes that no field value may have are replaced by `?`, so that no value can begin a field of its own.
    mutating func append(_ name: StaticString, _ value: some Sequence<UInt8>) {
        append(name)
        appendValue(value)
        endLine()
    }

    mutating func append(_ name: StaticString, _ value: String) {
        append(name, value.utf8)
    }

    /// A duration as OpenAI writes it: `12ms`, `6.5s`, `2m30s`.
    mutating func append(_ name: StaticString, nanoseconds: Int64) {
        append(name)
        bytes.appendDuration(nanoseconds)
        endLine()
    }

    mutating func append(_ name: StaticString, _ id: RecordID) {
        append(name)
        id.append(to: &bytes)
        endLine()
    }

    /// A field copied from another head, whose name has been checked when that was parsed.
    mutating func append(name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>) {
        bytes.append(contentsOf: name)
        bytes.append(0x3A)
        bytes.append(0x20)
        appendValue(value)
        endLine()
    }

    private mutating func append(_ name: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        bytes.append(addingCapacity: 2) { line in
            line.append(0x3A)
            line.append(0x20)
        }
    }

    private mutating func appendValue(_ value: some Sequence<UInt8>) {
        for byte in value { bytes.append(CharacterClass.isFieldValue(byte) ? byte : 0x3F) }
    }

    private mutating func endLine() {
        bytes.append(addingCapacity: 2) { line in
            line.append(0x0D)
            line.append(0x0A)
        }
    }
}

/// A number's decimal digits, at the end of an array that is no allocation.
private struct DecimalDigits {
    private(set) var digits = InlineArray<20, UInt8>(repeating: 0)
    private(set) var start = 20

    init(_ value: UInt) {
        var rest = value
        repeat {
            let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: 10)
            start &-= 1
            digits[start] = 0x30 + UInt8(truncatingIfNeeded: remainder)
            rest = quotient
        } while rest > 0
    }
}

extension [UInt8] {
    /// Appends a whole number in decimal digits.
    mutating func appendDecimal(_ value: Int) {
        if value < 0 { append(0x2D) }
        let number = DecimalDigits(value.magnitude)
        append(addingCapacity: number.digits.count - number.start) { text in
            for index in number.start..<number.digits.count { text.append(number.digits[index]) }
        }
    }

    /// Appends a duration as OpenAI writes it: `12ms`, `6.5s`, `2m30s`.
    mutating func appendDuration(_ nanoseconds: Int64) {
        let milliseconds = Int(Swift.max(0, nanoseconds &+ 999_999) / 1_000_000)
        guard milliseconds >= 1_000 else {
            appendDecimal(milliseconds)
            append(0x6D)
            return append(0x73)
        }
        let minutes = milliseconds / 60_000
        if minutes > 0 {
            appendDecimal(minutes)
            append(0x6D)
        }
        let rest = milliseconds % 60_000
        appendDecimal(rest / 1_000)
        if rest % 1_000 > 0, minutes == 0 {
            append(0x2E)
            let fraction = rest % 1_000
            append(0x30 + UInt8(fraction / 100))
            if fraction % 100 > 0 { append(0x30 + UInt8(fraction / 10 % 10)) }
        }
        append(0x73)
    }
}

/// Writes the heads of answers.
enum AnswerEncoder {
    /// A whole answer in one buffer, so that it leaves in one write.
    static func encode(
        _ answer: Answer, keepsAlive: Bool, date: [UInt8], allocator: ByteBufferAllocator
    ) -> ByteBuffer {
        var buffer = allocator.buffer(capacity: 192 + answer.fields.bytes.count + answer.body.count)
        writeHead(answer, keepsAlive: keepsAlive, date: date, to: &buffer)
        buffer.writeStaticString("content-length: ")
        buffer.writeDecimal(answer.body.count)
        buffer.writeStaticString("\r\n\r\n")
        buffer.writeBytes(answer.body)
        return buffer
    }

    /// The head of a chunked answer.
    static func encodeStreamHead(
        _ answer: Answer, isChunked: Bool = true, keepsAlive: Bool, date: [UInt8], allocator: ByteBufferAllocator
    ) -> ByteBuffer {
        var buffer = allocator.buffer(capacity: 192 + answer.fields.bytes.count)
        writeHead(answer, keepsAlive: keepsAlive, date: date, to: &buffer)
        if isChunked { buffer.writeStaticString("transfer-encoding: chunked\r\n") }
        buffer.writeStaticString("\r\n")
        return buffer
    }

    /// Appends one chunk. Source: RFC 9112, section 7.1.
    static func writeChunk(_ bytes: [UInt8], to buffer: inout ByteBuffer) {
        guard !bytes.isEmpty else { return }
        buffer.writeString(String(bytes.count, radix: 16))
        buffer.writeStaticString("\r\n")
        buffer.writeBytes(bytes)
        buffer.writeStaticString("\r\n")
    }

    static func writeLastChunk(to buffer: inout ByteBuffer) {
        buffer.writeStaticString("0\r\n\r\n")
    }

    private static func writeHead(_ answer: Answer, keepsAlive: Bool, date: [UInt8], to buffer: inout ByteBuffer) {
        buffer.writeStaticString(statusLine(answer.status))
        buffer.writeBytes(date)
        buffer.writeStaticString("content-type: ")
        buffer.writeStaticString(answer.contentType)
        buffer.writeStaticString("\r\n")
        buffer.writeBytes(answer.fields.bytes)
        if !keepsAlive { buffer.writeStaticString("connection: close\r\n") }
    }

    private static func statusLine(_ status: Int) -> StaticString {
        switch status {
        case 200: "HTTP/1.1 200 OK\r\n"
        case 400: "HTTP/1.1 400 Bad Request\r\n"
        case 401: "HTTP/1.1 401 Unauthorized\r\n"
        case 403: "HTTP/1.1 403 Forbidden\r\n"
        case 404: "HTTP/1.1 404 Not Found\r\n"
        case 405: "HTTP/1.1 405 Method Not Allowed\r\n"
        case 408: "HTTP/1.1 408 Request Timeout\r\n"
        case 413: "HTTP/1.1 413 Content Too Large\r\n"
        case 415: "HTTP/1.1 415 Unsupported Media Type\r\n"
        case 422: "HTTP/1.1 422 Unprocessable Content\r\n"
        case 429: "HTTP/1.1 429 Too Many Requests\r\n"
        case 431: "HTTP/1.1 431 Request Header Fields Too Large\r\n"
        case 501: "HTTP/1.1 501 Not Implemented\r\n"
        case 502: "HTTP/1.1 502 Bad Gateway\r\n"
        case 503: "HTTP/1.1 503 Service Unavailable\r\n"
        case 504: "HTTP/1.1 504 Gateway Timeout\r\n"
        case 529: "HTTP/1.1 529 Overloaded\r\n"
        case 505: "HTTP/1.1 505 HTTP Version Not Supported\r\n"
        default: "HTTP/1.1 500 Internal Server Error\r\n"
        }
    }
}

extension ByteBuffer {
    /// Writes a whole number, not below 0, in decimal digits.
    mutating func writeDecimal(_ value: Int) {
        let number = DecimalDigits(value.magnitude)
        withUnsafeBytes(of: number.digits) { bytes in
            _ = writeBytes(UnsafeRawBufferPointer(rebasing: bytes[number.start...]))
        }
    }
}
