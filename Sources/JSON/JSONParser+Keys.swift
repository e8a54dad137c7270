extension JSONParser {
    /// Random for each process, so that nobody can choose keys that collide.
    private static let secret: (UInt64, UInt64) = (
        .random(in: 1 ... .max), .random(in: 1 ... .max)
    )

    /// Refuses an object that has a key twice, its escapes decoded.
    ///
    /// Up to eight keys are compared with each other, which is quickest; more go through a hash table under a secret
    /// seed, so the cost is linear whatever the keys.
    @inline(__always)
    mutating func checkKeys(of object: Int) throws(Failure) {
        let members = tokens[object].length
        guard members > 1 else { return }
        if members <= 8, tokens[object].flags & JSONToken.hasEscapedKey == 0 {
            try compareKeys(of: object)
        } else {
            try hashKeys(of: object)
        }
    }

    private func compareKeys(of object: Int) throws(Failure) {
        var key = object &+ 1
        while key < count {
            let length = tokens[key].length
            let bytes = base + Int(tokens[key].offset)
            let following = Int(tokens[key &+ 1].next)
            var other = following
            while other < count {
                if tokens[other].length == length, Bytes.equal(base + Int(tokens[other].offset), bytes, Int(length)) {
                    throw Failure(.duplicateKey, at: Int(tokens[other].offset) &- 1)
                }
                other = Int(tokens[other &+ 1].next)
            }
            key = following
        }
    }

    @inline(never)
    private mutating func hashKeys(of object: Int) throws(Failure) {
        var size = 16
        while size < Int(tokens[object].length) &* 2 { size &*= 2 }
        if size > slotCapacity {
            slots?.deallocate()
            slots = .allocate(capacity: size)
            slotCapacity = size
        }
        guard let slots else { return }
        slots.initialize(repeating: 0, count: size)
        let secret = JSONParser.secret
        var key = object &+ 1
        while key < count {
            let hash = withText(of: key) { Bytes.hash($0, secret) }
            let tag = UInt32(truncatingIfNeeded: hash &>> 32)
            tokens[key].next = tag
            var slot = Int(truncatingIfNeeded: hash) & (size &- 1)
            while slots[slot] != 0 {
                let other = Int(slots[slot]) &- 1
                if tokens[other].next == tag, haveSameText(other, key) {
                    throw Failure(.duplicateKey, at: Int(tokens[key].offset) &- 1)
                }
                slot = (slot &+ 1) & (size &- 1)
            }
            slots[slot] = UInt32(truncatingIfNeeded: key &+ 1)
            key = Int(tokens[key &+ 1].next)
        }
    }

    private func haveSameText(_ left: Int, _ right: Int) -> Bool {
        withText(of: left) { left in
            withText(of: right) { right in
                left.count == right.count && left.elementsEqual(right)
            }
        }
    }

    @inline(__always)
    private func withText<R>(of token: Int, _ body: (UnsafeBufferPointer<UInt8>) -> R) -> R {
        Bytes.withText(of: tokens[token], in: base, body)
    }
}
