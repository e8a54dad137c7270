internal import Glibc

/// Reads whole lines from a file descriptor, as they come.
struct LineSource {
    private let descriptor: Int32
    private let lineBytesMax: Int
    /// The beginning of a line that has not come to its end.
    private var rest: [UInt8] = []
    private var isSkipping = false
    private var isAtEnd = false
    private var buffer = [UInt8](repeating: 0, count: 256 << 10)

    init(_ descriptor: Int32, lineBytesMax: Int = 64 << 20) {
        self.descriptor = descriptor
        self.lineBytesMax = lineBytesMax
    }

    enum Line {
        case whole([UInt8])
        /// Longer than what is read.
        case tooLong(bytesMax: Int)
    }

    /// The lines that have come, at least one, without their ends; `nil` behind the last. Waits for them.
    ///
    /// - Throws: the code of `read`.
    mutating func next() throws(LineSourceFailure) -> [Line]? {
        var lines: [Line] = []
        while lines.isEmpty, !isAtEnd {
            let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                guard errno == EINTR else { throw LineSourceFailure(code: errno) }
                continue
            }
            if count == 0 {
                isAtEnd = true
                if !rest.isEmpty || isSkipping { lines.append(end([])) }
            } else {
                take(buffer[..<count], into: &lines)
            }
        }
        return lines.isEmpty ? nil : lines
    }

    private mutating func take(_ bytes: ArraySlice<UInt8>, into lines: inout [Line]) {
        var start = bytes.startIndex
        while let lineEnd = bytes[start...].firstIndex(of: 0x0A) {
            lines.append(end(bytes[start..<lineEnd]))
            start = lineEnd + 1
        }
        guard !isSkipping, start < bytes.endIndex else { return }
        rest += bytes[start...]
        if rest.count > lineBytesMax { (rest, isSkipping) = ([], true) }
    }

    /// Ends the line that goes on with `last`.
    private mutating func end(_ last: ArraySlice<UInt8>) -> Line {
        defer { (rest, isSkipping) = ([], false) }
        guard !isSkipping, rest.count + last.count <= lineBytesMax else { return .tooLong(bytesMax: lineBytesMax) }
        var line = rest + last
        if line.last == 0x0D { line.removeLast() }
        return .whole(line)
    }
}

struct LineSourceFailure: Error, Hashable {
    let code: Int32
}
