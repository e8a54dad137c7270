internal import Storage

/// Reads frames back; whatever it is given, it never reads out of bounds.
struct FrameDecoder {
    private let bytes: UnsafeRawBufferPointer
    private var index: Int
    private let end: Int

    /// The check of a frame whose bytes are all there.
    static func checksum(of bytes: UnsafeRawBufferPointer, frameAt start: Int, length: Int) -> UInt32 {
        let head = CRC32C.checksum(of: UnsafeRawBufferPointer(rebasing: bytes[start..<start + 4]))
        let body = start + Frame.prefixBytes
        return CRC32C.checksum(of: UnsafeRawBufferPointer(rebasing: bytes[body..<body + length]), continuing: head)
    }

    /// The frame at `start` and where the next one begins; `nil` if there is no whole, sound frame.
    static func frame(in bytes: UnsafeRawBufferPointer, at start: Int) -> (frame: Frame, next: Int)? {
        guard let length = soundLength(in: bytes, at: start) else { return nil }
        let body = start + Frame.prefixBytes
        var decoder = FrameDecoder(bytes, from: body, to: body + length)
        guard let frame = decoder.frame(), decoder.index == decoder.end else { return nil }
        return (frame, decoder.end)
    }

    /// The length of the frame at `start` if its check holds.
    static func soundLength(in bytes: UnsafeRawBufferPointer, at start: Int) -> Int? {
        guard start >= 0, bytes.count - start > Frame.prefixBytes else { return nil }
        let length = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self)))
        guard length > 0, length <= FrameLimits.frameBytesMax, length <= bytes.count - start - Frame.prefixBytes
        else { return nil }
        let crc = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: start + 4, as: UInt32.self))
        return crc == checksum(of: bytes, frameAt: start, length: length) ? length : nil
    }

    private init(_ bytes: UnsafeRawBufferPointer, from start: Int, to end: Int) {
        self.bytes = bytes
        index = start
        self.end = end
    }

    private mutating func frame() -> Frame? {
        switch number(UInt8.self).flatMap(Frame.Kind.init) {
        case .admission:
            return admission().map { .admission($0) }
        case .settlement:
            return settlement().map { .settlement($0) }
        case .refused:
            guard let admission = admission(), let settlement = settlement() else { return nil }
            return .refused(admission, settlement)
        case .lost:
            guard let record = id(RecordKind.self), let at = number(Int64.self) else { return nil }
            return .lost(record, at: Timestamp(microseconds: at))
        case nil:
            return nil
        }
    }

    private mutating func number<Number: FixedWidthInteger & BitwiseCopyable>(_: Number.Type) -> Number? {
        guard end - index >= MemoryLayout<Number>.size else { return nil }
        defer { index += MemoryLayout<Number>.size }
        return Number(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: Number.self))
    }

    private mutating func id<Kind>(_: Kind.Type) -> Identifier<Kind>? {
        guard let high = number(UInt64.self), let low = number(UInt64.self) else { return nil }
        return Identifier(high: high, low: low)
    }

    private mutating func optionalID<Kind>(_ kind: Kind.Type) -> Identifier<Kind>?? {
        guard let id = id(kind) else { return nil }
        return .some(id.high == 0 && id.low == 0 ? nil : id)
    }

    private mutating func text() -> String?? {
        guard let count = number(UInt16.self) else { return nil }
        if count == UInt16.max { return .some(nil) }
        guard end - index >= Int(count) else { return nil }
        defer { index += Int(count) }
        return String(decoding: UnsafeRawBufferPointer(rebasing: bytes[index..<index + Int(count)]), as: UTF8.self)
    }

    private mutating func findings() -> [FindingCount]? {
        guard let count = number(UInt8.self) else { return nil }
        var findings: [FindingCount] = []
        findings.reserveCapacity(Int(count))
        for _ in 0..<count {
            guard let verdict = number(UInt8.self), let count = number(UInt32.self), let rule = text() ?? nil,
                let category = text() ?? nil, let clause = text()
            else { return nil }
            findings.append(
                FindingCount(rule: rule, category: category, clause: clause, verdict: verdict, count: Int(count)))
        }
        return findings
    }

    private mutating func admission() -> Admission? {
        guard let record = id(RecordKind.self), let at = number(Int64.self), let key = optionalID(KeyKind.self),
            let application = optionalID(ApplicationKind.self), let organisation = optionalID(OrganisationKind.self),
            let stage = number(UInt8.self), let dialect = number(UInt8.self), let flags = number(UInt8.self),
            let verdict = number(UInt8.self), let reserved = number(Int64.self), let model = text() ?? nil,
            let caller = text(), let findings = findings()
        else { return nil }
        var charge: Charge?
        if flags & 4 != 0 {
            guard let read = self.charge(namesEndUser: flags & 8 != 0) else { return nil }
            charge = read
        }
        return Admission(
            record: record, at: Timestamp(microseconds: at), key: key, application: application,
            organisation: organisation, stage: stage, dialect: RecordDialect(rawValue: dialect) ?? .unknown,
            model: model, isStream: flags & 1 != 0, observeOnly: flags & 2 != 0, tokensReserved: Int(reserved),
            promptVerdict: verdict, promptFindings: findings, callerRequestID: caller,
            charge: charge)
    }

    private mutating func charge(namesEndUser: Bool) -> Charge? {
        guard let day = number(Int32.self), let cost = number(Int64.self) else { return nil }
        var charge = Charge(day: day, costReserved: cost < 0 ? nil : cost)
        if namesEndUser {
            guard let user = number(UInt64.self) else { return nil }
            charge.endUser = user
        }
        return charge
    }

    private mutating func settlement() -> Settlement? {
        guard let record = id(RecordKind.self), let at = number(Int64.self),
            let outcome = number(UInt8.self).flatMap(Outcome.init), let flags = number(UInt8.self),
            let status = number(UInt16.self), let verdict = number(UInt8.self), let input = number(Int64.self),
            let output = number(Int64.self), let times = times(), let upstream = text(), let refusal = text(),
            let clause = text(), let findings = findings()
        else { return nil }
        var cost: Int64?
        if flags & 2 != 0 {
            guard let nanos = number(Int64.self), nanos >= 0 else { return nil }
            cost = nanos
        }
        var released: Int?
        if flags & 4 != 0 {
            guard let bytes = number(Int64.self), bytes >= 0 else { return nil }
            released = Int(bytes)
        }
        return Settlement(
            record: record, at: Timestamp(microseconds: at), outcome: outcome, status: status,
            inputTokens: Int(input), outputTokens: Int(output), tokensEstimated: flags & 1 != 0, cost: cost,
            upstream: upstream, completionVerdict: verdict, releasedBytes: released, completionFindings: findings,
            refusal: refusal, clause: clause, microseconds: times)
    }

    private mutating func times() -> StageTimes? {
        guard let parse = number(UInt32.self), let decide = number(UInt32.self), let queue = number(UInt32.self),
            let firstToken = number(UInt32.self), let total = number(UInt32.self)
        else { return nil }
        return StageTimes(parse: parse, decide: decide, queue: queue, firstToken: firstToken, total: total)
    }
}
