import ArgumentParser
import Foundation
import Storage
import Testing

@testable import Steward

@Suite("What commands print")
struct TerminalTests {
    @Test("columns are as wide as their widest cell, numbers stand at the right")
    func table() {
        var table = Table(["NAME", "N"], rightAligned: ["N"])
        table.add(["long name", "5"])
        table.add(["é", "1234"])
        #expect(table.text == "NAME          N\nlong name     5\né          1234\n")
    }

    @Test("a name with hidden characters neither shows as another nor breaks a line nor reaches the terminal")
    func controls() {
        var table = Table(["NAME"])
        table.add(["a\u{1B}[31mb\r\nc\u{202E}d\u{200B}e\u{2028}f"])
        #expect(table.text.filter { $0 == "\n" }.count == 2)
        #expect(!table.text.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
        #expect(!table.text.unicodeScalars.contains { [0x202E, 0x200B, 0x2028].contains($0.value) })
        #expect(RecordPrinter.line(["\u{7}bell"]).unicodeScalars.allSatisfy { $0.value >= 0x20 || $0 == "\n" })
    }

    @Test("times and sizes read back as what they were written", arguments: 0..<200)
    func quantities(seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        let milliseconds = Int.random(in: 0...10_000_000, using: &generator)
        #expect(DurationText.parse(DurationText.text(.milliseconds(milliseconds))) == .milliseconds(milliseconds))
        let bytes = Int.random(in: 0...(1 << 40), using: &generator)
        #expect(ByteSize.parse(ByteSize.text(bytes)) == bytes)
    }

    @Test(
        "what is no time or size is none",
        arguments: ["", "s", "5", "-5s", "5 s", "1.5s", "99999999999999999999s", "9223372036854775807d", "5w"])
    func noQuantities(text: String) {
        #expect(DurationText.parse(text) == nil)
        #expect(text == "5" || ByteSize.parse(text) == nil)
    }

    @Test("the announcement of a first run has examples for its address, model and key; a later one has none")
    func announcement() throws {
        var announcement = Announcement(
            addresses: Addresses(gateway: "http://g", desk: "http://d", telemetry: "http://t"), publicURL: "https://p",
            model: "small", example: .chat, description: "Models.", observesOnly: false, sandboxKey: "stw_sandbox_x",
            dataFolder: "d")
        #expect(announcement.text.contains("curl https://p/v1/chat/completions"))
        #expect(announcement.text.contains(#"OpenAI(base_url="https://p/v1", api_key="stw_sandbox_x")"#))
        #expect(announcement.text.contains(#""model": "small""#))
        announcement = Announcement(
            addresses: announcement.addresses, publicURL: "p", model: "m", example: .completions, description: "",
            observesOnly: true,
            sandboxKey: nil, dataFolder: "d")
        #expect(!announcement.text.contains("curl"))
        #expect(announcement.text.contains("not enforced"))
        announcement = Announcement(
            addresses: announcement.addresses, publicURL: "p", model: "base", example: .completions, description: "",
            observesOnly: false, sandboxKey: "k", dataFolder: "d")
        #expect(announcement.text.contains("curl p/v1/completions"))
        #expect(announcement.text.contains("client.completions.create("))
    }

    @Test("the ready file is whole, for its owner alone, and replaces an older one that was open to others")
    func readyFile() throws {
        let announcement = Announcement(
            addresses: Addresses(gateway: "http://g", desk: "http://d", telemetry: "http://t"), publicURL: "p",
            model: "m", example: .completions, description: "", observesOnly: false, sandboxKey: "k", dataFolder: "d")
        let file = try TemporaryFile("old", named: "ready.json")
        chmod(file.path, 0o644)
        try announcement.write(to: file.path)
        var status = stat()
        #expect(stat(file.path, &status) == 0 && status.st_mode & 0o777 == 0o600)
        let object = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: file.path)))
        let ready = try #require(object as? [String: Any])
        #expect(Set(ready.keys) == ["gateway", "desk", "telemetry", "pid", "sandbox_key"])
        #expect(ready["pid"] as? Int == Int(getpid()))
        #expect(throws: CommandFailure.self) { try announcement.write(to: "/nowhere/at/all/ready.json") }
    }

    @Test("the data folder is made for its owner alone, and one that is open to others is refused")
    func dataFolder() throws {
        let folder = DataFolder(path: TemporaryFolder.shared + "/data-\(UInt64.random(in: .min ... .max))/")
        try folder.prepare()
        var status = stat()
        #expect(stat(folder.path, &status) == 0 && status.st_mode & 0o777 == 0o700)
        chmod(folder.path, 0o755)
        try folder.prepare()
        #expect(stat(folder.path, &status) == 0 && status.st_mode & 0o777 == 0o700)
        let lock = try folder.lock()
        #expect(throws: CommandFailure.self) { _ = try folder.lock() }
        _ = consume lock
        _ = try folder.lock()
        chmod(folder.path, 0o755)
        // The lock's file is in it.
        #expect(throws: CommandFailure.self) { try folder.prepare() }
    }

    @Test("who listens everywhere is reached on loopback")
    func addresses() {
        #expect(Addresses.url(host: "0.0.0.0", port: 1) == "http://127.0.0.1:1")
        #expect(Addresses.url(host: "::", port: 1, usesTLS: true) == "https://[::1]:1")
        #expect(Addresses.url(host: "gateway.example", port: 1) == "http://gateway.example:1")
    }
}
