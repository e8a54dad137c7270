import NIOCore
import NIOEmbedded
import NIOHTTP1

@testable import Gateway

/// What a reader of HTTP made of some bytes, in a form in which two readers can be compared.
struct Reading: Equatable {
    struct Message: Equatable {
        /// The start line without the reason phrase, then each field as `name: value`, the name in lower case.
        var head: [UInt8] = []
        var body: [UInt8] = []
        var isComplete = false
        var keepsAlive = false

        mutating func append(name: some Sequence<UInt8>, value: some Collection<UInt8>) {
            head.append(0x0A)
            for byte in name { head.append(byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte) }
            head.append(0x3A)
            var value = value[...]
            while let first = value.first, first == 0x20 || first == 0x09 { value = value.dropFirst() }
            head.append(contentsOf: value)
            while let last = head.last, last == 0x20 || last == 0x09 { head.removeLast() }
        }
    }

    var messages: [Message] = []
    /// Why nothing more can be read.
    var refusal: String?
    /// Whether the connection ends after the last message, so that what follows is nobody's.
    var isClosed = false
}

// MARK: - Requests

extension Reading {
    /// Reads requests as the gateway does, answering each at once.
    static func ours(
        requests pieces: [ArraySlice<UInt8>], headBytesMax: Int = 32_768, fieldsMax: Int = 100
    ) -> Reading {
        var reading = Reading()
        var machine = InboundMachine(
            headBytesMax: headBytesMax, fieldsMax: fieldsMax, allocator: ByteBufferAllocator())
        for piece in pieces {
            machine.receive(ByteBuffer(bytes: piece))
            drain: while !reading.isClosed {
                switch machine.next() {
                case .wait: break drain
                case .head(let head): reading.messages.append(Message(head))
                case .body(let bytes): reading.append(body: bytes)
                case .refuse(let problem): reading.refusal = problem.explanation
                case .bodyEnd:
                    reading.complete()
                    reading.isClosed = reading.messages.last?.keepsAlive == false
                    machine.answerEnded()
                }
            }
        }
        return reading
    }

    /// Reads requests with llhttp, as NIO builds and configures it.
    static func nio(requests pieces: [ArraySlice<UInt8>]) -> Reading {
        var reading = Reading()
        let channel = EmbeddedChannel(handler: ByteToMessageHandler(HTTPRequestDecoder()))
        do {
            for piece in pieces { try channel.writeInbound(ByteBuffer(bytes: piece)) }
        } catch {
            reading.refusal = "\(error)"
        }
        while let part = try? channel.readInbound(as: HTTPServerRequestPart.self) {
            switch part {
            case .head(let head):
                var message = Message(keepsAlive: head.isKeepAlive)
                message.head += Array("\(head.method.rawValue) \(head.uri) 1.\(head.version.minor)".utf8)
                for (name, value) in head.headers { message.append(name: name.utf8, value: value.utf8) }
                reading.messages.append(message)
            case .body(let bytes): reading.append(body: bytes)
            case .end: reading.complete()
            }
        }
        _ = try? channel.finish(acceptAlreadyClosed: true)
        return reading
    }

    private mutating func append(body: ByteBuffer) {
        messages[messages.count - 1].body.append(contentsOf: body.readableBytesView)
    }

    private mutating func complete() {
        messages[messages.count - 1].isComplete = true
    }
}

extension Reading.Message {
    fileprivate init(_ request: RequestHead) {
        let line = request.fields.bytes[request.fields.startLine]
        let parts = line.split(separator: 0x20)
        let method = String(decoding: parts[0], as: UTF8.self)
        let target = String(decoding: parts[1], as: UTF8.self)
        // The gateway decides by these two, so they have to say what the bytes say.
        let known: [RequestHead.Method: String] = [.get: "GET", .head: "HEAD", .post: "POST"]
        let isPath = target.utf8.prefix { $0 != 0x3F }.elementsEqual(request.path.utf8)
        let isMethod = known[request.method].map { $0 == method } ?? !known.values.contains(method)
        head += Array("\(isMethod ? method : "?") \(isPath ? target : "?") 1.\(line.last == 0x31 ? 1 : 0)".utf8)
        append(request.fields)
        keepsAlive = request.keepsAlive
    }

    fileprivate init(_ answer: ResponseHead) {
        let line = answer.fields.bytes[answer.fields.startLine]
        head += Array("\(answer.status) 1.\(line[7] == 0x31 ? 1 : 0)".utf8)
        append(answer.fields)
        keepsAlive = answer.keepsAlive
        isComplete = answer.status < 200
    }

    private mutating func append(_ fields: HeadFields) {
        for field in fields.fields {
            // NIO repairs what is no UTF-8, so this does too.
            let value = String(decoding: fields.value(of: field), as: UTF8.self)
            append(name: fields.name(of: field), value: value.utf8)
        }
    }
}

// MARK: - Answers

extension Reading {
    /// Reads the answer to one GET, up to the close of the connection, as `UpstreamConnection` does.
    static func ours(answer pieces: [ArraySlice<UInt8>]) -> Reading {
        var reading = Reading()
        var reader = HeadReader(headBytesMax: 65_536)
        var decoder: BodyDecoder?
        var input = ByteBuffer()
        do throws(HeadProblem) {
            for piece in pieces {
                input.writeBytes(piece)
                while !reading.isClosed {
                    if var body = decoder {
                        let step = try body.decode(&input)
                        decoder = body
                        if case .bytes(let bytes) = step { reading.append(body: bytes) }
                        if case .needsMore = step { break }
                        if case .end = step {
                            reading.complete()
                            reading.isClosed = true
                        }
                    } else {
                        guard let bytes = try reader.read(from: &input) else { break }
                        let head = try ResponseHead(parsing: bytes, fieldsMax: 200)
                        reading.messages.append(Message(head))
                        if head.status >= 200 { decoder = BodyDecoder(head.framing) }
                    }
                }
            }
        } catch {
            reading.refusal = error.explanation
        }
        if reading.refusal == nil, let decoder, decoder.endsAtClose { reading.complete() }
        reading.isClosed = true
        return reading
    }

    /// Reads the answer to one GET, up to the close of the connection, with llhttp.
    static func nio(answer pieces: [ArraySlice<UInt8>]) -> Reading {
        var reading = Reading()
        let decoder = HTTPResponseDecoder(informationalResponseStrategy: .forward)
        let channel = EmbeddedChannel(handler: ByteToMessageHandler(decoder))
        do {
            try channel.writeOutbound(
                HTTPClientRequestPart.head(HTTPRequestHead(version: .http1_1, method: .GET, uri: "/")))
            for piece in pieces { try channel.writeInbound(ByteBuffer(bytes: piece)) }
        } catch {
            reading.refusal = "\(error)"
        }
        channel.close(promise: nil)
        channel.embeddedEventLoop.run()
        while let part = try? channel.readInbound(as: HTTPClientResponsePart.self) { reading.take(part) }
        _ = try? channel.finish(acceptAlreadyClosed: true)
        return reading
    }

    private mutating func take(_ part: HTTPClientResponsePart) {
        switch part {
        case .head(let head):
            var message = Message(keepsAlive: head.isKeepAlive)
            message.head += Array("\(head.status.code) 1.\(head.version.minor)".utf8)
            for (name, value) in head.headers { message.append(name: name.utf8, value: value.utf8) }
            message.isComplete = head.status.code < 200
            messages.append(message)
        case .body(let bytes): append(body: bytes)
        case .end: complete()
        }
    }
}
