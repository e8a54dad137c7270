internal import Crypto
package import Storage

/// HMAC-SHA256 of a key's text: what is stored and looked up in its stead.
package struct KeyDigest: Sendable {
    let words: (UInt64, UInt64, UInt64, UInt64)

    /// Enough to tell apart what is counted.
    package var firstWord: UInt64 { words.0 }
}

extension KeyDigest: Hashable {
    /// Looks at every word whatever the first ones are, so that its time says nothing of where two digests differ.
    package static func == (left: KeyDigest, right: KeyDigest) -> Bool {
        let difference =
            (left.words.0 ^ right.words.0) | (left.words.1 ^ right.words.1)
            | (left.words.2 ^ right.words.2) | (left.words.3 ^ right.words.3)
        return difference == 0
    }

    /// One word is enough: nobody without the digest key can choose it.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
    }
}

extension KeyDigest: SQLValueConvertible {
    /// 32 bytes, in the order of HMAC's output.
    package var sqlValue: SQLValue {
        .bytes(withUnsafeBytes(of: words) { Array($0) })
    }

    package init?(sqlValue: SQLValue) {
        guard case .bytes(let bytes) = sqlValue, bytes.count == 32 else { return nil }
        words = bytes.withUnsafeBytes { $0.loadUnaligned(as: (UInt64, UInt64, UInt64, UInt64).self) }
    }
}

/// Turns the texts of keys into digests.
///
/// Keyed, so that a stolen store alone doesn't tell whether a guess is right; fast, since the texts are random and
/// can't be guessed anyway. The two states of HMAC after its key are computed once (RFC 2104 §4); a digest costs about
/// 0.5 µs.
package struct KeyDigester: Sendable {
    private let inner: SHA256
    private let outer: SHA256

    /// `secret` has 32 bytes.
    package init(secret: [UInt8]) {
        precondition(secret.count == 32, "A digest key has 32 bytes.")
        inner = Self.state(secret, pad: 0x36)
        outer = Self.state(secret, pad: 0x5C)
    }

    private static func state(_ secret: [UInt8], pad: UInt8) -> SHA256 {
        let block = secret.map { $0 ^ pad } + [UInt8](repeating: pad, count: SHA256.blockByteCount - secret.count)
        var state = SHA256()
        block.withUnsafeBytes { state.update(bufferPointer: $0) }
        return state
    }

    /// The digest of a key's text.
    package func digest(_ key: UnsafeBufferPointer<UInt8>) -> KeyDigest {
        var state = inner
        state.update(bufferPointer: UnsafeRawBufferPointer(key))
        let message = state.finalize()
        state = outer
        message.withUnsafeBytes { state.update(bufferPointer: $0) }
        return state.finalize().withUnsafeBytes {
            KeyDigest(words: $0.loadUnaligned(as: (UInt64, UInt64, UInt64, UInt64).self))
        }
    }

    package func digest(_ key: String) -> KeyDigest {
        var key = key
        return key.withUTF8 { digest($0) }
    }
}
