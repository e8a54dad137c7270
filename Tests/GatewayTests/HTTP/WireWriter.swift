/// Writes messages at random: well formed, unless asked for twists.
///
/// A twist is a form by which implementations have been set against each other: a length twice, a coding in odd
/// spelling, a chunk size with a sign. Where one stands, the rest of the message is as good as any.
struct WireWriter {
    var random: WireRandom
    /// How often a part of a message is twisted, in percent.
    let twists: Int
    private(set) var bytes: [UInt8] = []

    init(seed: UInt64, twists: Int) {
        random = WireRandom(seed: seed)
        self.twists = twists
    }

    static let methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"]

    /// One to three requests in a row, and after twisted ones a plain one, which shows whether they ended where
    /// they should.
    mutating func requests() -> [UInt8] {
        bytes.removeAll(keepingCapacity: true)
        for left in (0..<(1 + random.below(3))).reversed() { request(isLast: left == 0 && twists == 0) }
        if twists > 0 { write("GET /tail HTTP/1.1\r\nHost: t\r\n\r\n") }
        return bytes
    }

    /// An answer, perhaps after interim ones.
    mutating func answer() -> [UInt8] {
        bytes.removeAll(keepingCapacity: true)
        while random.chance(20) {
            write(
                choose(["HTTP/1.1 "], ["HTTP/1.0 "]),
                random.pick(["100 Continue", "102 Processing", "103 Early Hints"]))
            endLine()
            if twisted() { write("Content-Length: 4\r\n") }
            fields()
            endLine()
        }
        let is10 = random.chance(30)
        write(
            choose(
                [is10 ? "HTTP/1.0 " : "HTTP/1.1 "], ["HTTP/1.2 ", "HTTP/1.1  ", "http/1.1 ", "HTTP/2.0 ", " "]))
        let status = choose(
            ["200", "200", "204", "304", "400", "404", "429", "500", "503"],
            ["20", "2000", "099", "101", "199", "+20", "205", "999", "20x"])
        write(status)
        write(choose([" OK", " Not \u{e9} one", " ", ""], ["\t", "OK", " a\u{0}b", "  OK", " a\u{7f}"]))
        endLine()
        let isEmpty = status == "204" || status == "304"
        if status == "304", random.chance(50) { write("Content-Length: 7\r\n") }
        framedBody(isEmpty: isEmpty, mayBeChunked: !is10, mayLackLength: true)
        if !isEmpty, random.chance(10) { write("x") }
        return bytes
    }

    private mutating func request(isLast: Bool) {
        while random.chance(5) { write("\r\n") }
        if twisted() { write(random.pick(["\n", "\r", " ", "\r\n\r\n\r\n\r\n\r\n", "\0"])) }
        write(random.pick(Self.methods))
        write(choose([" "], ["  ", "\t", "", " \r\n"]))
        write(random.pick(["/", "/v1/models", "/v1/chat/completions?a=b&c=%20", "//x/../y;z=1", "/a?", "/?b=/?c"]))
        if twisted() { write(random.pick([" x", "\u{e9}", "#f", "\t", "\\", "\u{7f}", "|<>\"{}^`"])) }
        write(choose([" "], ["  ", "\t", ""]))
        let is10 = isLast && random.chance(20)
        write(
            choose(
                [is10 ? "HTTP/1.0" : "HTTP/1.1"],
                ["HTTP/1.0", "http/1.1", "HTTP/1.2", "HTTP/2.0", "HTTP/11", "HTTPS/1.1"]))
        endLine()
        write(
            choose(
                ["Host: a", "HOST:a:80", "host: \t[::1]:1 "], ["Host: a\r\nHost: b", "Hos: a", "Host : a", "Host:"]))
        endLine()
        if isLast, random.chance(20) { write("Connection: x, cLose\r\n") }
        if random.chance(10) { write("connection: Keep-Alive\r\n") }
        if random.chance(5) { write("Expect: 100-continue\r\n") }
        framedBody(isEmpty: random.chance(30), mayBeChunked: !is10)
    }

    // MARK: - Fields

    private mutating func fields() {
        for _ in 0..<random.below(3) {
            let name = random.pick([
                "X", "accept", "User-Agent", "x-a_b.c!#$%&'*+-^`|~9", "Authorization", "Content-Type",
            ])
            write(name, choose([":", ": ", ":\t", ":  "], [" :", "", "::", "\t:", ": \u{0}", ":\r\n "]))
            let value = ["", "a", "Bearer s,k;\"\\", "a \t b", "caf\u{e9} \u{1F600}", "a:b: c ", "=?()<>@[]{}"]
            write(choose(value, ["a\rb", "a\nb", "a\u{0}", "a\u{7f}", "\r\n b", "\u{b}a", "\r\r"]))
            if random.chance(5) { bytes.append(0x80 + UInt8(random.below(128))) }
            endLine()
        }
    }

    private mutating func framedBody(isEmpty: Bool, mayBeChunked: Bool, mayLackLength: Bool = false) {
        fields()
        let body = isEmpty ? 0 : random.below(40)
        let isChunked = !isEmpty && mayBeChunked && random.chance(50)
        if twisted() { framingTwist(body) }
        if isChunked {
            write(
                choose(
                    ["Transfer-Encoding: chunked", "transfer-encoding:Chunked", "TRANSFER-ENCODING: \tCHUNKED "],
                    [
                        "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: chunked, identity",
                        "Transfer-Encoding: xchunked",
                        "Transfer-Encoding: chunked;q=1", "Transfer-Encoding: \u{b}chunked",
                        "Transfer-Encoding: ,chunked",
                        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "Transfer_Encoding: chunked",
                        "Transfer-Encoding:",
                        "Transfer-Encoding : chunked", "Transfer-Encoding: chunked\t", "Transfer-Encoding: chunked \t ",
                        " Transfer-Encoding: chunked", "Transfer-Encoding: chunked\u{0}",
                    ]))
            endLine()
        } else if body > 0, !mayLackLength || random.chance(70) {
            let length = "Content-Length: "
            write(
                choose(
                    ["\(length)\(body)", "content-length:\(body)", "CONTENT-LENGTH: \t\(body) ", "\(length)0\(body)"],
                    [
                        "\(length)+\(body)", "\(length)-\(body)", "\(length)0x\(body)", "\(length)\(body) 1",
                        "\(length)\(body),\(body)",
                        "\(length)\(body)\r\n\(length)\(body)", "\(length)\(body)\r\n\(length)0", "\(length)",
                        "\(length)\(body).",
                        "\(length)99999999999999999999", "\(length)18446744073709551616", "Content-Length : \(body)",
                        "Content_Length: \(body)",
                        "\(length)\(body)\u{b}", "\(length)\(body)\t", "\(length)\(body) \t ", "\(length)\u{ff10}",
                        "\(length)\(body)\r\n 1",
                    ]))
            endLine()
        }
        fields()
        endLine()
        if isChunked {
            chunks(body)
        } else {
            for _ in 0..<body { bytes.append(UInt8(truncatingIfNeeded: random.next())) }
        }
    }

    /// A field that sets a second framing beside the first.
    private mutating func framingTwist(_ body: Int) {
        write(
            random.pick([
                "Content-Length: \(body)", "Content-Length: 0", "Transfer-Encoding: chunked",
                "Transfer-Encoding: identity",
                "Content-Length: 5\r\nTransfer-Encoding: chunked",
            ]))
        endLine()
    }

    // MARK: - Chunks

    private mutating func chunks(_ body: Int) {
        var left = body
        while left > 0 {
            let size = 1 + random.below(left)
            var text = String(size, radix: 16, uppercase: random.chance(50))
            if random.chance(10) { text = "00" + text }
            write(
                choose(
                    [text],
                    [
                        "0x" + text, "+" + text, "-" + text, " " + text, text + " ", text + "\t", text + "g", "",
                        "1\(text)",
                    ]))
            chunkExtension()
            chunkLineEnd()
            for _ in 0..<size { bytes.append(UInt8(truncatingIfNeeded: random.next())) }
            if twisted() { write(random.pick(["x", "\n", "\r", " "])) }
            chunkLineEnd()
            left -= size
        }
        write(choose(["0", "0", "000"], ["", "0 ", "-0", "0x0", "00000000000000000000", "fffffffffffffffff"]))
        chunkExtension()
        chunkLineEnd()
        if random.chance(20) {
            write(
                choose(
                    ["A: b", "X-Sum:1", "z:"],
                    ["A", "A : b", ": b", " A: b", "A: \u{0}", "A: b\rc", "A b: c", "A: b\u{7f}"]), "\r\n")
        }
        chunkLineEnd()
    }

    private mutating func chunkExtension() {
        if random.chance(15) {
            write(
                choose(
                    [";a", ";a=b", ";a=b;c=d", ";a=\"b c\"", ";x-y=9"],
                    [
                        " ;a", "; a", ";", ";;", ";=", ";a=\"b", ";a=\"\\\"\"", ";a\u{0}", ";a\u{e9}", ";a=b c",
                        ";a\rb", ";a ", "\t;a=1", "a", ";a=\"b\"c",
                    ]))
        }
    }

    private mutating func chunkLineEnd() {
        write(choose(["\r\n"], ["\n", "\r", "\r\r\n", " \r\n", "\n\r"]))
    }

    // MARK: - Bytes

    private mutating func twisted() -> Bool {
        twists > 0 && random.chance(twists)
    }

    private mutating func choose(_ good: [String], _ twistedForms: [String]) -> String {
        random.pick(twisted() ? twistedForms : good)
    }

    private mutating func endLine() {
        write(choose(["\r\n"], ["\n", "\r", "\r\r\n", " \r\n", "\n\r", "\u{0}\r\n"]))
    }

    private mutating func write(_ texts: String...) {
        for text in texts { bytes.append(contentsOf: text.utf8) }
    }
}
