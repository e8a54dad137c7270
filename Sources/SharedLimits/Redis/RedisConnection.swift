internal import CHiredis
internal import Glibc

/// What Redis answered to one command.
package enum RedisReply: Sendable, Equatable {
    case integer(Int)
    case text(String)
    case array([RedisReply])
    case error(String)
    case null
}

/// Why a connection is of no more use. Nothing in it is secret.
package struct RedisFailure: Error, Sendable, Hashable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}

/// One connection, as hiredis makes it, that never blocks: its owner polls the descriptor. Belongs to one thread.
///
/// hiredis' own asynchronous mode is not used: it brings its callbacks' order of events and no deadlines, where a loop
/// around `poll` has both in view.
final class RedisConnection {
    private let context: UnsafeMutablePointer<redisContext>
    private(set) var isConnected = false
    /// Whether something waits to be sent.
    private(set) var hasOutput = false

    /// Begins to connect. Looks a host name up, which may take its time: never on an event loop.
    init(host: String, port: Int) throws(RedisFailure) {
        guard let context = redisConnectNonBlock(host, Int32(port)) else { throw RedisFailure("no memory") }
        self.context = context
        try check()
    }

    deinit { redisFree(context) }

    var descriptor: Int32 { context.pointee.fd }

    /// Queues a command.
    func append(_ arguments: [String]) throws(RedisFailure) {
        var bytes: [CChar] = []
        var lengths: [Int] = []
        bytes.reserveCapacity(arguments.reduce(0) { $0 + $1.utf8.count })
        for argument in arguments {
            bytes.append(contentsOf: argument.utf8.lazy.map { CChar(bitPattern: $0) })
            lengths.append(argument.utf8.count)
        }
        let code = bytes.withUnsafeBufferPointer { buffer in
            var starts: [UnsafePointer<CChar>?] = []
            var offset = 0
            for length in lengths {
                starts.append(buffer.baseAddress.map { $0 + offset })
                offset += length
            }
            return redisAppendCommandArgv(context, Int32(arguments.count), &starts, lengths)
        }
        hasOutput = true
        if code != REDIS_OK { try check() }
    }

    /// Sends as much as the system takes, once connected.
    func write() throws(RedisFailure) {
        try finishConnecting()
        guard isConnected, hasOutput else { return }
        var done: Int32 = 0
        _ = redisBufferWrite(context, &done)
        try check()
        hasOutput = done == 0
    }

    /// Reads what has come.
    func read() throws(RedisFailure) {
        guard isConnected else { return }
        _ = redisBufferRead(context)
        try check()
    }

    /// The next whole answer of those that were read.
    func nextReply() throws(RedisFailure) -> RedisReply? {
        var reply: UnsafeMutableRawPointer?
        _ = redisGetReplyFromReader(context, &reply)
        try check()
        guard let reply else { return nil }
        defer { freeReplyObject(reply) }
        return RedisReply(reply.assumingMemoryBound(to: redisReply.self).pointee)
    }

    /// Whether the socket's being writable means that it is connected, or that it failed.
    private func finishConnecting() throws(RedisFailure) {
        guard !isConnected else { return }
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
        guard code == 0 else { throw RedisFailure(String(cString: strerror(code))) }
        isConnected = true
    }

    private func check() throws(RedisFailure) {
        guard context.pointee.err != 0 else { return }
        let text = withUnsafeBytes(of: context.pointee.errstr) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        throw RedisFailure(text)
    }
}

extension RedisReply {
    init(_ reply: redisReply) {
        switch reply.type {
        case REDIS_REPLY_INTEGER: self = .integer(Int(reply.integer))
        case REDIS_REPLY_ARRAY:
            self = .array(
                (0..<reply.elements).map { index in
                    reply.element[index].map { RedisReply($0.pointee) } ?? .null
                })
        case REDIS_REPLY_NIL: self = .null
        case REDIS_REPLY_ERROR: self = .error(Self.text(reply))
        default: self = .text(Self.text(reply))
        }
    }

    private static func text(_ reply: redisReply) -> String {
        guard let start = reply.str else { return "" }
        return String(decoding: UnsafeRawBufferPointer(start: start, count: reply.len), as: UTF8.self)
    }
}
