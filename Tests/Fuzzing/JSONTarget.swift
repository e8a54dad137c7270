import Glibc
import JSON

func fuzzJSON(_ input: [UInt8]) {
    guard let document = try? JSONDocument(parsing: input) else { return }
    var written: [UInt8] = []
    document.serialise(into: &written)
    guard let again = try? JSONDocument(parsing: written) else {
        preconditionFailure("What was written of an accepted document is refused.")
    }
    precondition(again.nodeCount == document.nodeCount, "What was written has other values.")
    for (node, copy) in zip(document.nodes, again.nodes) {
        precondition(document.kind(node) == again.kind(copy), "A value changed its kind.")
        precondition(document.string(node) == again.string(copy), "A text changed.")
    }
    var twice: [UInt8] = []
    again.serialise(into: &twice)
    precondition(twice == written, "Writing once more changes the text.")
    if printsAccepted { tell(input, written) }
}

/// Whether accepted documents go to the standard output, for another decoder to judge.
private let printsAccepted = getenv("STEWARD_FUZZ_PRINT") != nil

/// A line each: the input and what was written of it, in hexadecimal digits.
private func tell(_ input: [UInt8], _ written: [UInt8]) {
    let digits = Array("0123456789abcdef".utf8)
    var line: [UInt8] = []
    for (bytes, end) in [(input, UInt8(ascii: " ")), (written, UInt8(ascii: "\n"))] {
        for byte in bytes {
            line.append(digits[Int(byte >> 4)])
            line.append(digits[Int(byte & 15)])
        }
        line.append(end)
    }
    var rest = line[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
        precondition(count > 0, "The reader has gone.")
        rest = rest.dropFirst(count)
    }
}
