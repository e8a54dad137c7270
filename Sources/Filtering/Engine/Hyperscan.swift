internal import CHyperscan

/// Why Hyperscan refused an expression.
struct HyperscanError: Error {
    var message: String
}

/// Compiled patterns. Immutable, so it may be shared between threads.
final class HyperscanDatabase: @unchecked Sendable {
    struct Expression {
        var text: String
        /// Reported with each match.
        var id: Int
    }

    enum Mode {
        case block, streaming
    }

    fileprivate let pointer: OpaquePointer

    /// - Throws: `HyperscanError` if any of them can't be compiled, or all are too much together.
    init(_ expressions: [Expression], _ mode: Mode) throws(HyperscanError) {
        let texts = expressions.map { Array($0.text.utf8CString) }
        let all = texts.flatMap(\.self)
        let offsets = texts.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) }
        let flags = [UInt32](repeating: UInt32(HS_FLAG_MULTILINE), count: expressions.count)
        let ids = expressions.map { UInt32($0.id) }
        var database: OpaquePointer?
        var failure: UnsafeMutablePointer<hs_compile_error_t>?
        let code = all.withUnsafeBufferPointer { characters in
            let pointers = offsets.dropLast().map { offset in characters.baseAddress.map { $0 + offset } }
            return hs_compile_multi(
                pointers, flags, ids, UInt32(expressions.count),
                UInt32(mode == .block ? HS_MODE_BLOCK : HS_MODE_STREAM), nil, &database, &failure)
        }
        defer { hs_free_compile_error(failure) }
        guard code == HS_SUCCESS, let database else {
            throw HyperscanError(
                message: failure.map { String(cString: $0.pointee.message) } ?? "code \(code)")
        }
        pointer = database
    }

    deinit { hs_free_database(pointer) }
}

/// Working memory for scans, grown for each database it meets. Owned by one `Screener`.
final class HyperscanScratch {
    fileprivate private(set) var pointer: OpaquePointer?

    deinit { hs_free_scratch(pointer) }

    func grow(for database: HyperscanDatabase) {
        let code = hs_alloc_scratch(database.pointer, &pointer)
        precondition(code == HS_SUCCESS, "Hyperscan's working memory: code \(code)")
    }
}

extension HyperscanScratch {
    /// Reports all matches in `text`, which begins at an offset of its own.
    func scan(
        _ text: UnsafeBufferPointer<UInt8>, at offset: Int = 0, _ database: HyperscanDatabase, _ hits: HitRuns
    ) {
        guard let base = text.baseAddress else { return }
        hits.offset = offset
        defer { hits.offset = 0 }
        let code = hs_scan(
            database.pointer, UnsafeRawPointer(base).assumingMemoryBound(to: CChar.self), UInt32(text.count), 0,
            pointer,
            onMatch, Unmanaged.passUnretained(hits).toOpaque())
        precondition(code == HS_SUCCESS, "Hyperscan: code \(code)")
    }
}

/// One text being scanned piece by piece.
final class HyperscanStream {
    private let database: HyperscanDatabase
    private var pointer: OpaquePointer?

    init(_ database: HyperscanDatabase) {
        self.database = database
        let code = hs_open_stream(database.pointer, 0, &pointer)
        precondition(code == HS_SUCCESS, "Hyperscan's stream: code \(code)")
    }

    /// Goes on from where another one is, which goes on by itself.
    init(copying other: HyperscanStream) {
        database = other.database
        guard let source = other.pointer else { return }
        let code = hs_copy_stream(&pointer, source)
        precondition(code == HS_SUCCESS, "Hyperscan's stream: code \(code)")
    }

    deinit {
        if let pointer { hs_close_stream(pointer, nil, nil, nil) }
    }

    /// Reports the matches that `piece` completes; their ends count from the beginning of the text.
    func scan(_ piece: UnsafeBufferPointer<UInt8>, _ scratch: HyperscanScratch, _ hits: HitRuns) {
        guard let base = piece.baseAddress, let pointer else { return }
        let code = hs_scan_stream(
            pointer, UnsafeRawPointer(base).assumingMemoryBound(to: CChar.self), UInt32(piece.count), 0,
            scratch.pointer,
            onMatch, Unmanaged.passUnretained(hits).toOpaque())
        precondition(code == HS_SUCCESS, "Hyperscan: code \(code)")
    }

    /// Reports the matches that the text's end completes. Nothing can be scanned after it.
    func close(_ scratch: HyperscanScratch, _ hits: HitRuns) {
        guard let pointer else { return }
        self.pointer = nil
        let code = hs_close_stream(pointer, scratch.pointer, onMatch, Unmanaged.passUnretained(hits).toOpaque())
        precondition(code == HS_SUCCESS, "Hyperscan: code \(code)")
    }
}

private let onMatch: match_event_handler = { id, _, end, _, context in
    if let context {
        Unmanaged<HitRuns>.fromOpaque(context)._withUnsafeGuaranteedRef { $0.add(found: Int(id), end: Int(end)) }
    }
    return 0
}
