extension JSONDocument {
    /// Appends the document as compact JSON: no white space, members in their order, numbers in their own text, strings
    /// with as few escapes as possible.
    ///
    /// A text that is already written like that is copied as a whole.
    package func serialise(into output: inout [UInt8], edits: borrowing JSONEdits = JSONEdits()) {
        if edits.isEmpty, tape.isCanonical {
            output.append(contentsOf: bytes)
            return
        }
        let plan = JSONEditPlan(edits, of: self)
        bytes.withUnsafeBufferPointer { source in
            guard let base = source.baseAddress else { return }
            // Re-encoding never lengthens a string, so the source bounds everything but the edits.
            Bytes.append(to: &output, capacity: source.count + edits.addedBytesMax) { start in
                withUnsafeTemporaryAllocation(of: UInt32.self, capacity: tape.depthMax + 1) { open in
                    var serialiser = JSONSerialiser(
                        tape: tape, base: base, output: start, open: open, plan: plan)
                    return serialiser.run()
                }
            }
        }
    }

    /// Appends one value as compact JSON.
    package func serialise(_ node: JSONNode, into output: inout [UInt8]) {
        let first = token(node).isKey ? Int(node.index) + 1 : Int(node.index)
        let next = Int(tape.tokens[first].next)
        bytes.withUnsafeBufferPointer { source in
            guard let base = source.baseAddress else { return }
            let limit = next < tape.count ? Int(tape.tokens[next].offset) : source.count
            Bytes.append(to: &output, capacity: limit - Int(tape.tokens[first].offset) + 2) { start in
                withUnsafeTemporaryAllocation(of: UInt32.self, capacity: tape.depthMax + 1) { open in
                    var serialiser = JSONSerialiser(
                        tape: tape, base: base, output: start, open: open, plan: JSONEditPlan())
                    return serialiser.run(from: first, to: next)
                }
            }
        }
    }
}

/// One pass over the tape. Unsafe pointers for the same reasons as in `JSONParser`; `output` has room for the source
/// and all edits, `open` for the deepest nesting.
struct JSONSerialiser {
    let tape: JSONTape
    let base: UnsafePointer<UInt8>
    let output: UnsafeMutablePointer<UInt8>
    /// The tokens of the open containers.
    let open: UnsafeMutableBufferPointer<UInt32>
    let plan: JSONEditPlan

    private var written = 0
    private var depth = 0
    private var entry = 0
    /// The token at which the next edit stands.
    private var nextEdit: Int
    private var needsComma = false

    init(
        tape: JSONTape, base: UnsafePointer<UInt8>, output: UnsafeMutablePointer<UInt8>,
        open: UnsafeMutableBufferPointer<UInt32>, plan: JSONEditPlan
    ) {
        self.tape = tape
        self.base = base
        self.output = output
        self.open = open
        self.plan = plan
        nextEdit = plan.entries.first.map { Int($0.node) } ?? .max
    }

    /// Writes everything; returns the number of bytes.
    mutating func run() -> Int { run(from: 0, to: tape.count) }

    mutating func run(from first: Int, to end: Int) -> Int {
        var at = first
        while at < end {
            while depth > 0, at == Int(tape.tokens[Int(open[depth &- 1])].next) { leave() }
            if nextEdit <= at, let next = apply(at) {
                at = next
                continue
            }
            write(tape.tokens[at], at)
            at &+= 1
        }
        while depth > 0 { leave() }
        return written
    }

    @inline(__always)
    private mutating func write(_ token: JSONToken, _ at: Int) {
        if needsComma { put(0x2C) }
        needsComma = true
        switch token.kind {
        case .object, .array:
            put(token.kind == .object ? 0x7B : 0x5B)
            open[depth] = UInt32(truncatingIfNeeded: at)
            depth &+= 1
            needsComma = false
        case .string:
            put(0x22)
            if token.needsRewriting {
                Bytes.withText(of: token, in: base) { written &+= Bytes.encode($0, to: output + written) }
            } else {
                copy(base + Int(token.offset), Int(token.length))
            }
            put(0x22)
            if token.isKey {
                put(0x3A)
                needsComma = false
            }
        default:
            copy(base + Int(token.offset), Int(token.length))
        }
    }

    private mutating func leave() {
        depth &-= 1
        let container = Int(open[depth])
        if !plan.additions.isEmpty { appendMembers(to: container) }
        put(tape.tokens[container].kind == .object ? 0x7D : 0x5D)
        needsComma = true
    }

    @inline(__always)
    private mutating func put(_ byte: UInt8) {
        output[written] = byte
        written &+= 1
    }

    @inline(__always)
    private mutating func copy(_ source: UnsafePointer<UInt8>, _ count: Int) {
        (output + written).update(from: source, count: count)
        written &+= count
    }

    private mutating func quote(_ text: [UInt8]) {
        put(0x22)
        text.withUnsafeBufferPointer { written &+= Bytes.encode($0, to: output + written) }
        put(0x22)
    }

    // MARK: Edits

    /// Applies what is to be done at `at`; returns where to go on, or `nil` to write the token as it is.
    private mutating func apply(_ at: Int) -> Int? {
        // Edits inside what was replaced or removed are passed over.
        while entry < plan.entries.count, Int(plan.entries[entry].node) < at { entry += 1 }
        guard entry < plan.entries.count, Int(plan.entries[entry].node) == at else {
            nextEdit = entry < plan.entries.count ? Int(plan.entries[entry].node) : .max
            return nil
        }
        let change = plan.entries[entry].change
        entry += 1
        nextEdit = entry < plan.entries.count ? Int(plan.entries[entry].node) : .max
        let token = tape.tokens[at]
        return token.isKey ? applyToMember(at, change) : applyToValue(token, change)
    }

    private mutating func applyToValue(_ token: JSONToken, _ change: JSONEdits.Change) -> Int {
        if needsComma { put(0x2C) }
        switch change {
        case .string(let text): quote(text)
        case .raw(let raw): copy(raw)
        case .remove, .set: preconditionFailure("a member is removed by its key")
        }
        needsComma = true
        return Int(token.next)
    }

    private mutating func applyToMember(_ key: Int, _ change: JSONEdits.Change) -> Int {
        let next = Int(tape.tokens[key + 1].next)
        switch change {
        case .remove:
            return next
        case .string(let name):
            if needsComma { put(0x2C) }
            quote(name)
            put(0x3A)
            needsComma = false
            return key + 1
        case .set(_, let raw):
            write(tape.tokens[key], key)
            copy(raw)
            needsComma = true
            return next
        case .raw: preconditionFailure("a key is replaced by a string")
        }
    }

    private mutating func appendMembers(to object: Int) {
        for addition in plan.additions where addition.object == object {
            if needsComma { put(0x2C) }
            quote(addition.name)
            put(0x3A)
            copy(addition.raw)
            needsComma = true
        }
    }

    private mutating func copy(_ raw: [UInt8]) {
        raw.withUnsafeBufferPointer { buffer in
            if let start = buffer.baseAddress { copy(start, buffer.count) }
        }
    }
}
