import Foundation
import Logging
import Testing

@testable import Telemetry

@Suite("Log lines")
struct LogLineTests {
    private func line(_ message: String, _ fields: Logger.Metadata = [:], time: Int64 = 0) -> LogLine {
        LogLine(time: time, level: .info, label: "steward.test", message: message, fields: fields)
    }

    @Test("are text for people")
    func text() {
        let bytes = line(
            "Upstream is back.", ["upstream": "gemma", "after_ms": "\(310)", "why": "it said so", "list": ["a", "b"]],
            time: 1_796_292_930_123_456
        ).text
        #expect(
            String(decoding: bytes, as: UTF8.self) == """
                2026-12-03T10:15:30.123456Z info steward.test: Upstream is back. after_ms=310 list=["a","b"] upstream=gemma \
                why="it said so"

                """)
    }

    @Test("are one JSON object each, whatever is in them", arguments: 0..<200)
    func json(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let (message, name, value) = (generator.text(length: 30), generator.text(length: 8), generator.text(length: 30))
        let bytes = line(message, [name: .string(value), "nested": ["k": ["\(value)"]]]).json
        #expect(bytes.count { $0 == 0x0A } == 1)
        #expect(bytes.allSatisfy { $0 >= 0x20 || $0 == 0x0A })
        let object = try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
        #expect(object["message"] as? String == LogGuard.cleaned(message))
        #expect(object[name] as? String == LogGuard.cleaned(value))
    }

    @Test(
        "cannot be forged or disguised through a message, a name or a value",
        arguments: [
            "x\n2026-01-01T00:00:00Z info root: forged", "a\r\nb", "\u{1B}[31mred", "\u{202E}gpj.exe", "\u{2028}",
            "\u{85}", "\u{7F}",
            "\u{FEFF}", "level=error admin=true", "\" admin=\"true",
        ])
    func injection(text: String) {
        for format in LogFormat.allCases {
            let bytes = line(text, ["field": .string(text), text: "v"]).bytes(as: format)
            #expect(bytes.count { $0 == 0x0A } == 1 && bytes.last == 0x0A)
            let written = String(decoding: bytes.dropLast(), as: UTF8.self)
            #expect(written.unicodeScalars.allSatisfy { !$0.isUnsafeInLogs })
            #expect(!written.contains(" admin=true") || written.contains("\"level=error admin=true\""))
        }
    }

    @Test(
        "do not show keys",
        arguments: [
            "stw_live_01jdb3k6y8v4m2n7q9r5s1t3w6", "stw_admin_01jdb3k6y8v4m2n7q9r5", "stw_sandbox_01jdb3k6y8v4m2n7",
            "sk-proj-abcdefgh12345678",
            "Bearer abcdefgh.ijkl.mnop",
        ])
    func secrets(key: String) {
        let secret = key.suffix(10)
        for format in LogFormat.allCases {
            let bytes = line("got \(key), refused", ["note": "(\(key))", "list": [.string(key)], key: "x"]).bytes(
                as: format)
            #expect(!String(decoding: bytes, as: UTF8.self).contains(secret) || format == .text)
            let named = line("m", ["api_key": "p4ss", "Authorization": "p4ss", "x": ["db-password": "p4ss"]])
            #expect(!String(decoding: named.bytes(as: format), as: UTF8.self).contains("p4ss"))
        }
        #expect(LogGuard.cleaned("key_id=key_01 task-force-of-eight sk-x") == "key_id=key_01 task-force-of-eight sk-x")
    }

    @Test("cut long values between characters", arguments: 4_090...4_100)
    func cut(length: Int) {
        let text = String(repeating: "a", count: length - 4) + "😀" + String(repeating: "b", count: 100)
        let cleaned = LogGuard.cleaned(text)
        #expect(cleaned.utf8.count <= LogGuard.textBytesMax + 3)
        #expect(cleaned.hasSuffix("…") && text.hasPrefix(cleaned.dropLast()))
    }

    @Test("tell the time as Foundation does", arguments: 0..<50)
    func time(seed: Int) {
        // From 1583 on: before, Foundation counts in the Julian calendar.
        var generator = SeededGenerator(seed: UInt64(seed))
        let seconds = Int64.random(in: -12_212_553_600...253_402_300_799, using: &generator)
        var buffer = TextBuffer()
        buffer.writeTime(seconds * 1_000_000 + 5)
        let formatter = ISO8601DateFormatter()
        let expected = formatter.string(from: Date(timeIntervalSince1970: Double(seconds))).dropLast() + ".000005Z"
        #expect(String(decoding: buffer.bytes, as: UTF8.self) == expected)
    }
}

@Suite("Log levels and handlers")
struct LogOutputTests {
    @Test("the longest rule for a label wins")
    func levels() {
        let levels = LogLevels(.notice, rules: ["steward": .info, "steward.gateway": .debug])
        #expect(levels.level(for: "steward.gateway.pool") == .debug)
        #expect(levels.level(for: "steward.gatewayish") == .info)
        #expect(levels.level(for: "steward") == .info)
        #expect(levels.level(for: "hummingbird") == .notice)
    }

    @Test("a logger writes its metadata, the provider's and the call's, the nearest winning")
    func handler() throws {
        let pipe = Pipe()
        let output = LogOutput(
            format: .json, levels: LogLevels(.info), descriptor: pipe.fileHandleForWriting.fileDescriptor, now: { 0 })
        var logger = Logger(label: "steward.test", factory: output.handler)
        logger[metadataKey: "a"] = "mine"
        logger[metadataKey: "b"] = "mine"
        logger.debug("not shown")
        logger.info("shown", metadata: ["a": "call", "time": "x"])
        output.flush()
        let text = String(decoding: pipe.fileHandleForReading.availableData, as: UTF8.self)
        #expect(
            text == """
                {"time":"1970-01-01T00:00:00.000000Z","level":"info","logger":"steward.test","message":"shown","a":"call",\
                "b":"mine","time_":"x"}

                """)
    }

    @Test("levels that change hold for loggers that are there already, but for one that has its own")
    func changedLevels() {
        let output = LogOutput(format: .json, levels: LogLevels(.info), now: { 0 })
        let logger = Logger(label: "steward.gateway", factory: output.handler)
        var own = logger
        own.logLevel = .warning
        output.follow(LogLevels(.error, rules: ["steward.gateway": .debug]))
        #expect(logger.logLevel == .debug && own.logLevel == .warning)
        #expect(Logger(label: "steward.gateway", factory: output.handler).logLevel == .debug)
        #expect(Logger(label: "steward", factory: output.handler).logLevel == .error)
        output.follow(LogLevels(.trace))
        #expect(logger.logLevel == .trace && own.logLevel == .warning)
    }

    @Test("a descriptor that takes nothing costs lines, which are counted and said, and never blocks a caller")
    func full() throws {
        let pipe = Pipe()
        let dropped = Telemetry.Counter()
        let lines = 2_000
        var text = ""
        do {
            let output = LogOutput(
                format: .text, levels: LogLevels(.info), descriptor: pipe.fileHandleForWriting.fileDescriptor,
                bytesMax: 20_000, dropped: dropped, now: { 0 })
            let logger = Logger(label: "l", factory: output.handler)
            // 2,000 lines of 200 bytes: more than the pipe (64 KiB) and the buffer hold together.
            for _ in 0..<lines { logger.info("\(String(repeating: "x", count: 160))") }
            #expect(dropped.total > 0)
            let reader = pipe.fileHandleForReading
            while !text.contains("Log lines were lost.") {
                text += String(decoding: reader.dataWithinMoment, as: UTF8.self)
            }
            while !output.flush(within: .milliseconds(10)) {
                text += String(decoding: reader.dataWithinMoment, as: UTF8.self)
            }
        }
        try pipe.fileHandleForWriting.close()
        text += String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        let written = text.split(separator: "\n").filter { $0.contains("xxx") }
        let said = text.split(separator: "\n").compactMap { $0.split(separator: "lines=").last.flatMap { Int64($0) } }
        #expect(Int64(written.count) + dropped.total == lines)
        #expect(said.reduce(0, +) == dropped.total)
        #expect(Set(written.map(\.utf8.count)).count == 1)
    }

    @Test("waiting for a descriptor that takes nothing ends in time")
    func stuck() {
        let pipe = Pipe()
        let output = LogOutput(
            format: .text, levels: LogLevels(.info), descriptor: pipe.fileHandleForWriting.fileDescriptor, now: { 0 })
        let logger = Logger(label: "l", factory: output.handler)
        for _ in 0..<1_000 { logger.info("\(String(repeating: "x", count: 160))") }
        #expect(!output.flush(within: .milliseconds(20)))
        while !output.flush(within: .milliseconds(1)) { _ = pipe.fileHandleForReading.dataWithinMoment }
    }

    @Test("a reader that went away does not stop the process")
    func closedPipe() throws {
        let pipe = Pipe()
        try pipe.fileHandleForReading.close()
        let output = LogOutput(
            format: .text, levels: LogLevels(.info), descriptor: pipe.fileHandleForWriting.fileDescriptor, now: { 0 })
        Logger(label: "l", factory: output.handler).info("into the void")
        output.flush()
    }
}

extension FileHandle {
    /// What can be read within 10 ms; empty if there is nothing.
    fileprivate var dataWithinMoment: Data {
        var interest = pollfd(fd: fileDescriptor, events: Int16(POLLIN), revents: 0)
        return poll(&interest, 1, 10) > 0 ? availableData : Data()
    }
}
