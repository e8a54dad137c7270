import Glibc

/// What libFuzzer calls with each input. One program holds all targets; which one it feeds says the environment.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    target.feed(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}

private let target: FuzzTarget = {
    let name = getenv("STEWARD_FUZZ_TARGET").map { String(cString: $0) } ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
        let complaint = Array("STEWARD_FUZZ_TARGET is one of \(names), not \"\(name)\".\n".utf8)
        write(STDERR_FILENO, complaint, complaint.count)
        exit(2)
    }
    return target
}()

/// Reads what strangers write. Each must end, without a trap, and keep the promise that stands beside it.
enum FuzzTarget: String, CaseIterable {
    /// What is written of a document that was accepted means the same.
    case json
    /// Events are the same wherever the stream is cut.
    case sse
    /// So are requests, and the decision to refuse one.
    case http
    /// Bad files are refused with a place in them.
    case rules, guidelines

    func feed(_ input: [UInt8]) {
        switch self {
        case .json: fuzzJSON(input)
        case .sse: fuzzEvents(input)
        case .http: fuzzRequests(input)
        case .rules: fuzzRules(input)
        case .guidelines: fuzzGuidelines(input)
        }
    }
}

/// The input's first byte says how long the pieces are in which the rest comes.
struct Pieces {
    let whole: [UInt8]
    let size: Int

    init(_ input: [UInt8]) {
        size = Int(input.first ?? 0) % 61 + 1
        whole = Array(input.dropFirst())
    }

    func forEach(_ body: ([UInt8]) -> Void) {
        var start = 0
        while start < whole.count {
            let end = min(start + size, whole.count)
            body(Array(whole[start..<end]))
            start = end
        }
    }
}
