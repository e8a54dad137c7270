/// What a value is.
package enum JSONKind: UInt8, Sendable, Hashable, BitwiseCopyable {
    case object, array, string, number, `true`, `false`, null
}

/// A handle to a value or a key of one `JSONDocument`; means nothing in another document.
///
/// Nodes are numbered in the order of the text, so comparing them compares places.
package struct JSONNode: Sendable, Hashable, Comparable {
    package let index: Int32

    package static func < (left: JSONNode, right: JSONNode) -> Bool { left.index < right.index }
}

/// One value or key, 16 bytes.
///
/// ```
/// {"a":[1]}     object(next 4) key(a) array(next 4) number
/// ```
struct JSONToken: BitwiseCopyable {
    static let isKey: UInt8 = 1
    /// The text has escapes, so its bytes are not its characters.
    static let isEscaped: UInt8 = 2
    /// Some escape is not the one that our serialiser would write.
    static let needsRewriting: UInt8 = 4
    /// An object, one of whose keys is escaped.
    static let hasEscapedKey: UInt8 = 8

    /// First byte of a value; of a string, the one after the quote.
    var offset: UInt32
    /// Bytes of a string or number; members or elements of a container.
    var length: UInt32
    /// The token after this value with all that is in it. While a container is open: the one around it, plus 1.
    /// Of a key in a large object: its hash.
    var next: UInt32
    var kind: JSONKind
    var flags: UInt8
    /// Containers around it.
    var depth: UInt16

    var isKey: Bool { flags & JSONToken.isKey != 0 }
    var isEscaped: Bool { flags & JSONToken.isEscaped != 0 }
    var needsRewriting: Bool { flags & JSONToken.needsRewriting != 0 }
}

/// The tokens of one document, and their memory.
///
/// `@unchecked Sendable`: nothing changes after `init`, the tokens are trivial, and `deinit` runs when nobody can read.
final class JSONTape: @unchecked Sendable {
    let tokens: UnsafePointer<JSONToken>
    let count: Int
    let depthMax: Int
    /// The bytes are what the serialiser would write: no white space, no escape that it would write differently.
    let isCanonical: Bool

    /// Takes over `tokens`, of which `count` are initialised.
    init(tokens: UnsafeMutablePointer<JSONToken>, count: Int, depthMax: Int, isCanonical: Bool) {
        self.tokens = UnsafePointer(tokens)
        self.count = count
        self.depthMax = depthMax
        self.isCanonical = isCanonical
    }

    deinit { tokens.deallocate() }
}
