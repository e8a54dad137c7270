/// Reads one text into a tape.
///
/// Unsafe pointers and wrapping arithmetic, because this is the hottest loop of the request path (bounds and overflow
/// checks cost a third of it). What makes it safe: `end` < 2³¹; every read of `base[i]` follows a check of `i < end`;
/// every write of `tokens[i]` follows `append`, which grows. No recursion: open containers are chained in their tokens.
struct JSONParser: ~Copyable {
    struct Failure: Error {
        var problem: JSONError.Problem
        var offset: Int

        init(_ problem: JSONError.Problem, at offset: Int) {
            self.problem = problem
            self.offset = offset
        }
    }

    let base: UnsafePointer<UInt8>
    let end: Int
    let depthMax: Int
    let nodesMax: Int
    var tokens: UnsafeMutablePointer<JSONToken>
    var count = 0
    private var capacity: Int
    /// Index of the innermost open container; -1 outside of all.
    var open = -1
    var depth = 0
    private var deepest = 0
    private var spaces = 0
    /// Flags of the text that was scanned last, and of all together.
    var textFlags: UInt8 = 0
    var allTextFlags: UInt8 = 0
    /// Hash table for keys, reused from object to object.
    var slots: UnsafeMutablePointer<UInt32>?
    var slotCapacity = 0

    init(_ bytes: UnsafeBufferPointer<UInt8>, base: UnsafePointer<UInt8>, limits: JSONLimits) {
        self.base = base
        end = bytes.count
        depthMax = limits.depthMax
        nodesMax = limits.nodesMax
        capacity = min(bytes.count / 16 + 16, nodesMax)
        tokens = .allocate(capacity: capacity)
    }

    deinit {
        tokens.deallocate()
        slots?.deallocate()
    }

    /// Parses `bytes` to the last.
    static func tape(of bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits) throws(JSONError) -> JSONTape {
        guard let base = bytes.baseAddress, bytes.count > 0 else {
            throw JSONError(problem: .empty, offset: 0, line: 1, column: 1, pointer: "")
        }
        guard bytes.count <= Int32.max else {
            throw JSONError(problem: .tooLong, offset: bytes.count, line: 1, column: 1, pointer: "")
        }
        var parser = JSONParser(bytes, base: base, limits: limits)
        do throws(Failure) {
            try parser.parse()
        } catch {
            throw parser.error(for: error)
        }
        return parser.finish()
    }

    private consuming func finish() -> JSONTape {
        slots?.deallocate()
        let isCanonical = spaces == 0 && allTextFlags & JSONToken.needsRewriting == 0
        let tape = JSONTape(tokens: tokens, count: count, depthMax: deepest, isCanonical: isCanonical)
        discard self
        return tape
    }

    // MARK: Grammar

    private mutating func parse() throws(Failure) {
        if end >= 3, base[0] == 0xEF, base[1] == 0xBB, base[2] == 0xBF { throw Failure(.byteOrderMark, at: 0) }
        var at = afterSpace(0)
        guard at < end else { throw Failure(.empty, at: at) }
        repeat {
            at = try value(at)
            while open >= 0, let next = try close(at) { at = next }
            if open >= 0 { at = try separator(at) }
        } while open >= 0 || count == 0
        at = afterSpace(at)
        guard at == end else { throw Failure(.trailingBytes, at: at) }
    }

    /// Reads a scalar, or the opening of containers down to the first scalar or empty container; returns what follows.
    @inline(__always)
    private mutating func value(_ start: Int) throws(Failure) -> Int {
        var at = start
        while true {
            guard at < end else { throw Failure(.unexpectedEnd, at: at) }
            switch base[at] {
            case 0x22:
                let close = try text(from: at &+ 1)
                try append(.string, at &+ 1, length: close &- at &- 1, flags: textFlags)
                return close &+ 1
            case 0x7B:
                try enter(.object, at)
                at = afterSpace(at &+ 1)
                if at < end, base[at] == 0x7D { return at }
                at = try key(at)
            case 0x5B:
                try enter(.array, at)
                at = afterSpace(at &+ 1)
                if at < end, base[at] == 0x5D { return at }
            case 0x2D, 0x30...0x39:
                let close = try number(at)
                try append(.number, at, length: close &- at)
                return close
            case 0x74: return try literal(.true, "true", at)
            case 0x66: return try literal(.false, "false", at)
            case 0x6E: return try literal(.null, "null", at)
            default: throw Failure(.unexpectedByte, at: at)
            }
        }
    }

    /// Closes the innermost container if its end is next; returns what follows.
    @inline(__always)
    private mutating func close(_ start: Int) throws(Failure) -> Int? {
        let at = afterSpace(start)
        guard at < end else { throw Failure(.unexpectedEnd, at: at) }
        let container = tokens + open
        guard base[at] == (container.pointee.kind == .object ? 0x7D : 0x5D) else { return nil }
        if container.pointee.kind == .object { try checkKeys(of: open) }
        open = Int(container.pointee.next) &- 1
        container.pointee.next = UInt32(truncatingIfNeeded: count)
        depth &-= 1
        return at &+ 1
    }

    /// Reads a comma, and in an object the key; returns where the value begins.
    @inline(__always)
    private mutating func separator(_ start: Int) throws(Failure) -> Int {
        let comma = afterSpace(start)
        guard comma < end else { throw Failure(.unexpectedEnd, at: comma) }
        guard base[comma] == 0x2C else { throw Failure(.commaOrEndExpected, at: comma) }
        let at = afterSpace(comma &+ 1)
        guard at < end else { throw Failure(.unexpectedEnd, at: at) }
        if base[at] == 0x5D || base[at] == 0x7D { throw Failure(.trailingComma, at: comma) }
        return tokens[open].kind == .object ? try key(at) : at
    }

    @inline(__always)
    private mutating func key(_ at: Int) throws(Failure) -> Int {
        guard at < end else { throw Failure(.unexpectedEnd, at: at) }
        guard base[at] == 0x22 else { throw Failure(.keyExpected, at: at) }
        let close = try text(from: at &+ 1)
        if textFlags != 0 { tokens[open].flags |= JSONToken.hasEscapedKey }
        try append(.string, at &+ 1, length: close &- at &- 1, flags: textFlags | JSONToken.isKey)
        let colon = afterSpace(close &+ 1)
        guard colon < end else { throw Failure(.unexpectedEnd, at: colon) }
        guard base[colon] == 0x3A else { throw Failure(.colonExpected, at: colon) }
        return afterSpace(colon &+ 1)
    }

    private mutating func enter(_ kind: JSONKind, _ at: Int) throws(Failure) {
        guard depth < depthMax else { throw Failure(.tooDeep, at: at) }
        try append(kind, at, length: 0)
        tokens[count &- 1].next = UInt32(truncatingIfNeeded: open &+ 1)
        open = count &- 1
        depth &+= 1
        if depth > deepest { deepest = depth }
    }

    private mutating func literal(_ kind: JSONKind, _ word: StaticString, _ at: Int) throws(Failure) -> Int {
        let length = word.utf8CodeUnitCount
        for i in 0..<length {
            guard at &+ i < end else { throw Failure(.unexpectedEnd, at: end) }
            guard base[at &+ i] == word.utf8Start[i] else { throw Failure(.unexpectedByte, at: at) }
        }
        try append(kind, at, length: length)
        return at &+ length
    }

    // MARK: Tape

    /// Adds a token; a value counts in its container.
    @inline(__always)
    private mutating func append(_ kind: JSONKind, _ offset: Int, length: Int, flags: UInt8 = 0) throws(Failure) {
        if count == capacity { try grow(at: offset) }
        if open >= 0, flags & JSONToken.isKey == 0 { tokens[open].length &+= 1 }
        (tokens + count).initialize(
            to: JSONToken(
                offset: UInt32(truncatingIfNeeded: offset), length: UInt32(truncatingIfNeeded: length),
                next: UInt32(truncatingIfNeeded: count &+ 1), kind: kind, flags: flags,
                depth: UInt16(truncatingIfNeeded: depth)))
        count &+= 1
    }

    @inline(never)
    private mutating func grow(at offset: Int) throws(Failure) {
        guard capacity < nodesMax else { throw Failure(.tooManyValues, at: offset) }
        let grown = min(capacity * 2, nodesMax)
        let larger = UnsafeMutablePointer<JSONToken>.allocate(capacity: grown)
        larger.moveInitialize(from: tokens, count: count)
        tokens.deallocate()
        tokens = larger
        capacity = grown
    }

    @inline(__always)
    private mutating func afterSpace(_ start: Int) -> Int {
        var at = start
        while at < end {
            let byte = base[at]
            guard byte <= 0x20, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { break }
            at &+= 1
        }
        spaces &+= at &- start
        return at
    }
}
