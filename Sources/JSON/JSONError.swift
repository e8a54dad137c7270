/// Why a text is not the strict JSON that Steward reads, and where.
///
/// It never carries content: only positions, the pointer's member names (shortened) and, for a duplicate, its key.
package struct JSONError: Error, Sendable, Hashable {
    /// The closed set of what can be wrong.
    package enum Problem: String, Sendable, Hashable, CaseIterable {
        /// Nothing, or nothing but white space.
        case empty
        case byteOrderMark
        /// More than 2³¹ − 1 bytes.
        case tooLong
        /// The text ends inside a value.
        case unexpectedEnd
        /// A value was expected.
        case unexpectedByte
        case keyExpected
        case colonExpected
        case commaOrEndExpected
        case trailingComma
        /// Something follows the value.
        case trailingBytes
        case duplicateKey
        case invalidUTF8
        /// Half of a surrogate pair, as an escape or as raw bytes.
        case loneSurrogate
        /// A character below U+0020 stands unescaped in a string.
        case controlCharacter
        case invalidEscape
        case leadingZero
        case invalidNumber
        /// Larger than binary64 can hold.
        case numberNotFinite
        case tooDeep
        case tooManyValues
    }

    package var problem: Problem
    /// Bytes before the place of the problem.
    package var offset: Int
    /// From 1; a line ends with U+000A.
    package var line: Int
    /// From 1, in Unicode scalars (bytes that continue a scalar are not counted).
    package var column: Int
    /// RFC 6901: the value in which, or the object or array at which, it happened. Names over 64 bytes are shortened.
    package var pointer: String
    /// The key that appeared before, shortened to 64 bytes; only for `duplicateKey`.
    package var key: String?

    package init(problem: Problem, offset: Int, line: Int, column: Int, pointer: String, key: String? = nil) {
        self.problem = problem
        self.offset = offset
        self.line = line
        self.column = column
        self.pointer = pointer
        self.key = key
    }

    /// One sentence for the caller, such as `Duplicate key "role" at line 3, column 14 (/messages/0).`
    package var message: String {
        let place = pointer.isEmpty ? "" : " (\(pointer))"
        return "\(summary) at line \(line), column \(column)\(place)."
    }

    private var summary: String {
        switch problem {
        case .empty: "There is no JSON value"
        case .byteOrderMark: "A byte order mark"
        case .tooLong: "A text too long to read ends"
        case .unexpectedEnd: "The JSON text ends too early"
        case .unexpectedByte: "A JSON value was expected"
        case .keyExpected: "A member name in double quotes was expected"
        case .colonExpected: "A colon was expected"
        case .commaOrEndExpected: "A comma or the end of the object or array was expected"
        case .trailingComma: "A comma without a value after it"
        case .trailingBytes: "Something follows the JSON value"
        case .duplicateKey: "Duplicate key \"\(key ?? "")\""
        case .invalidUTF8: "Invalid UTF-8"
        case .loneSurrogate: "Half of a surrogate pair"
        case .controlCharacter: "An unescaped control character"
        case .invalidEscape: "An invalid escape sequence"
        case .leadingZero: "A number with a leading zero"
        case .invalidNumber: "An invalid number"
        case .numberNotFinite: "A number too large for binary64"
        case .tooDeep: "Too many nested objects and arrays"
        case .tooManyValues: "Too many values"
        }
    }
}

/// What the parser accepts beyond the grammar.
package struct JSONLimits: Sendable, Hashable {
    /// Objects and arrays that may be open at once.
    package var depthMax: Int

    /// Values and keys together; each takes 16 bytes of memory, and a text may have one in every two bytes.
    package var nodesMax: Int

    /// - Parameters:
    ///   - depthMax: 0 to 1,024.
    ///   - nodesMax: at least 1.
    package init(depthMax: Int = 64, nodesMax: Int = .max) {
        precondition((0...1024).contains(depthMax), "depthMax is between 0 and 1,024")
        precondition(nodesMax > 0, "nodesMax is at least 1")
        self.depthMax = depthMax
        self.nodesMax = nodesMax
    }
}
