internal import Storage

/// Frames waiting to be written, encoded back to back.
struct FrameBuffer: Sendable {
    /// Initialised up to its count; only the first `used` bytes mean something.
    private(set) var bytes: [UInt8] = []
    private(set) var used = 0
    private(set) var entries = 0

    mutating func removeAll() {
        used = 0
        entries = 0
    }

    /// Encodes one frame, without its check: see ``seal()``.
    mutating func append(_ kind: Frame.Kind, bytesMax: Int, _ encode: (inout FrameEncoder) -> Void) {
        let needed = used + Frame.prefixBytes + 1 + bytesMax
        if bytes.count < needed {
            bytes.append(contentsOf: repeatElement(0, count: max(needed - bytes.count, bytes.count, 4096)))
        }
        let start = used
        used = bytes.withUnsafeMutableBytes { all in
            var encoder = FrameEncoder(all.baseAddress! + start + Frame.prefixBytes)
            encoder.put(kind.rawValue)
            encode(&encoder)
            let length = UInt32(encoder.written)
            all.storeBytes(of: length.littleEndian, toByteOffset: start, as: UInt32.self)
            return start + Frame.prefixBytes + encoder.written
        }
        entries += 1
    }

    /// Fills in every frame's check. Done by who writes, so that nobody holds the lock for it.
    mutating func seal() {
        let used = used
        bytes.withUnsafeMutableBytes { all in
            var start = 0
            while start < used {
                let length = Int(UInt32(littleEndian: all.loadUnaligned(fromByteOffset: start, as: UInt32.self)))
                let crc = FrameDecoder.checksum(of: UnsafeRawBufferPointer(all), frameAt: start, length: length)
                all.storeBytes(of: crc.littleEndian, toByteOffset: start + 4, as: UInt32.self)
                start += Frame.prefixBytes + length
            }
        }
    }
}

extension FrameBuffer {
    mutating func append(_ admission: Admission) {
        append(.admission, bytesMax: admission.encodedBytesMax) { $0.put(admission) }
    }

    mutating func append(_ settlement: Settlement) {
        append(.settlement, bytesMax: settlement.encodedBytesMax) { $0.put(settlement) }
    }

    mutating func append(refused admission: Admission, _ settlement: Settlement) {
        append(.refused, bytesMax: admission.encodedBytesMax + settlement.encodedBytesMax) {
            $0.put(admission)
            $0.put(settlement)
        }
    }

    mutating func append(lost record: RecordID, at time: Timestamp) {
        append(.lost, bytesMax: 24) {
            $0.put(record)
            $0.put(time.microseconds)
        }
    }
}

/// Writes fields at a pointer that has room for them.
struct FrameEncoder {
    private let base: UnsafeMutableRawPointer
    private(set) var written = 0

    init(_ base: UnsafeMutableRawPointer) {
        self.base = base
    }

    mutating func put<Number: FixedWidthInteger & BitwiseCopyable>(_ number: Number) {
        (base + written).storeBytes(of: number.littleEndian, as: Number.self)
        written &+= MemoryLayout<Number>.size
    }

    mutating func put<Kind>(_ id: Identifier<Kind>?) {
        put(id?.high ?? 0)
        put(id?.low ?? 0)
    }

    /// Cuts at a character's start if the text is too long.
    mutating func put(_ text: String?) {
        guard let text else { return put(UInt16.max) }
        if put(contiguous: text) == nil {
            var text = text
            text.makeContiguousUTF8()
            _ = put(contiguous: text)
        }
    }

    private mutating func put(contiguous text: String) -> Void? {
        text.utf8.withContiguousStorageIfAvailable { utf8 in
            var count = utf8.count
            if count > FrameLimits.stringBytesMax {
                count = FrameLimits.stringBytesMax
                while count > 0, utf8[count] & 0xC0 == 0x80 { count -= 1 }
            }
            put(UInt16(count))
            if count > 0 { (base + written).copyMemory(from: utf8.baseAddress!, byteCount: count) }
            written += count
        }
    }

    mutating func put(_ findings: [FindingCount]) {
        let kept = min(findings.count, FrameLimits.findingsMax)
        put(UInt8(kept))
        for finding in findings.prefix(kept) {
            put(finding.verdict)
            put(UInt32(clamping: finding.count))
            put(finding.rule)
            put(finding.category)
            put(finding.clause)
        }
    }

    mutating func put(_ admission: Admission) {
        put(admission.record)
        put(admission.at.microseconds)
        put(admission.key)
        put(admission.application)
        put(admission.organisation)
        put(admission.stage)
        put(admission.dialect.rawValue)
        let charge = admission.charge
        put(
            (admission.isStream ? 1 : 0) | (admission.observeOnly ? 2 : 0) | (charge != nil ? 4 : 0)
                | (charge?.endUser != nil ? 8 : 0) as UInt8)
        put(admission.promptVerdict)
        put(Int64(admission.tokensReserved))
        put(admission.model)
        put(admission.callerRequestID)
        put(admission.promptFindings)
        guard let charge else { return }
        put(charge.day)
        put(charge.costReserved ?? -1)
        if let endUser = charge.endUser { put(endUser) }
    }

    mutating func put(_ settlement: Settlement) {
        put(settlement.record)
        put(settlement.at.microseconds)
        put(settlement.outcome.rawValue)
        put(
            (settlement.tokensEstimated ? 1 : 0) | (settlement.cost != nil ? 2 : 0)
                | (settlement.releasedBytes != nil ? 4 : 0) as UInt8)
        put(settlement.status)
        put(settlement.completionVerdict)
        put(Int64(settlement.inputTokens))
        put(Int64(settlement.outputTokens))
        put(settlement.microseconds.parse)
        put(settlement.microseconds.decide)
        put(settlement.microseconds.queue)
        put(settlement.microseconds.firstToken)
        put(settlement.microseconds.total)
        put(settlement.upstream)
        put(settlement.refusal)
        put(settlement.clause)
        put(settlement.completionFindings)
        if let cost = settlement.cost { put(cost) }
        if let released = settlement.releasedBytes { put(Int64(released)) }
    }
}

private func bytesMax(_ text: String?) -> Int {
    2 + min(text?.utf8.count ?? 0, FrameLimits.stringBytesMax)
}

private func bytesMax(_ findings: [FindingCount]) -> Int {
    findings.prefix(FrameLimits.findingsMax).reduce(1) {
        $0 + 5 + bytesMax($1.rule) + bytesMax($1.category) + bytesMax($1.clause)
    }
}

extension Admission {
    /// No fewer bytes than its payload takes.
    var encodedBytesMax: Int { 104 + bytesMax(model) + bytesMax(callerRequestID) + bytesMax(promptFindings) }
}

extension Settlement {
    /// No fewer bytes than its payload takes.
    var encodedBytesMax: Int {
        81 + bytesMax(upstream) + bytesMax(refusal) + bytesMax(clause) + bytesMax(completionFindings)
    }
}
