/// Requests for images.
extension Asked {
    /// Of one image.
    static let imageTokens = 64

    mutating func readImages(_ body: Value) throws(Complaint) {
        guard let prompt = body["prompt"]?.text, (1...32_000).contains(prompt.unicodeScalars.count) else {
            throw Complaint(400, "prompt must be a text of 1 to 32000 characters.", param: "prompt")
        }
        n = try Self.number(body, "n", 1...10) ?? 1
        if let size = body["size"]?.unlessNull, size != "auto" {
            let sides = (size.text ?? "").split(separator: "x", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
            guard sides.count == 2, sides.allSatisfy({ (1...8_192).contains($0) }) else {
                throw Complaint(400, "size must be auto or like 1024x1024.", param: "size")
            }
        }
        switch body["response_format"]?.unlessNull {
        case "b64_json", nil: break
        case "url": wantsAddresses = true
        default: throw Complaint(400, "response_format must be b64_json or url.", param: "response_format")
        }
        guard body["output_format"]?.unlessNull ?? "png" == "png" else {
            throw Complaint(400, "The rehearsal model draws png alone.", param: "output_format")
        }
        if isStreamed { throw Complaint(400, "The rehearsal model doesn't stream images.", param: "stream") }
        prompts = [prompt]
        lastUserText = prompt
        promptTokens = WordPieces.count(prompt)
    }
}

/// A small picture, alike for alike seeds: 16 by 16 pixels in two colours, the left half mirrored.
struct Picture: Sendable {
    /// Where the server gives pictures by their seeds.
    static let path = "/rehearsal/v1/images/"
    static let side = 16

    let seed: UInt64

    init(_ seed: Seed) {
        var seed = seed.adding("picture")
        self.seed = seed.next()
    }

    init?(path: some StringProtocol) {
        let name = path.dropFirst(Self.path.count)
        guard name.hasSuffix(".png"), let seed = UInt64(name.dropLast(".png".count), radix: 16) else { return nil }
        self.seed = seed
    }

    /// Rows from the top, each pixel as red, green and blue.
    var rows: [[UInt8]] {
        var seed = Seed(seed)
        func color(_ range: ClosedRange<UInt8>) -> [UInt8] { (0..<3).map { _ in .random(in: range, using: &seed) } }
        let colors = [color(160...255), color(0...95)]
        return (0..<Self.side).map { _ in
            let half = (0..<Self.side / 2).map { _ in colors[Int.random(in: 0...1, using: &seed)] }
            return Array((half + half.reversed()).joined())
        }
    }

    /// As a PNG whose data are stored and not compressed.
    ///
    /// Source: PNG (ISO/IEC 15948); zlib (RFC 1950); deflate (RFC 1951, 3.2.4).
    var png: [UInt8] {
        // Each row begins with its filter's number, which is none.
        let data: [UInt8] = rows.flatMap { [0] + $0 }
        let side = Self.bytes(UInt32(Self.side))
        let length = UInt16(data.count)
        let lengths = [length, ~length].flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
        let stored = [0x78, 0x01, 0x01] + lengths + data + Self.bytes(Self.adler32(data))
        let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
        // Eight bits a sample, of red, green and blue; the rest as there is no other.
        return signature + Self.chunk("IHDR", side + side + [8, 2, 0, 0, 0]) + Self.chunk("IDAT", stored)
            + Self.chunk("IEND", [])
    }

    private static func chunk(_ type: String, _ data: [UInt8]) -> [UInt8] {
        let body = Array(type.utf8) + data
        return bytes(UInt32(data.count)) + body + bytes(crc32(body))
    }

    private static func bytes(_ number: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
    }

    private static func crc32(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(UInt32.max) { sum, byte in
            (0..<8).reduce(sum ^ UInt32(byte)) { sum, _ in sum & 1 == 1 ? sum >> 1 ^ 0xEDB8_8320 : sum >> 1 }
        }
    }

    private static func adler32(_ bytes: [UInt8]) -> UInt32 {
        let (low, high) = bytes.reduce((1, 0)) { sums, byte in
            let low = (sums.0 + Int(byte)) % 65_521
            return (low, (sums.1 + low) % 65_521)
        }
        return UInt32(high << 16 | low)
    }
}

extension Picture {
    /// An answer of OpenAI's image generations, and its tokens.
    ///
    /// - Parameter host: as the client calls this server.
    static func answer(_ asked: Asked, host: String?, created: Int) -> (value: Value, tokens: Int) {
        let fault = asked.behaviour.fault
        let images = (0..<(fault == .emptyChoices ? 0 : asked.n)).map { index -> Value in
            let completion = Completion(asked, index: index)
            let picture = Picture(completion.seed)
            let address = "http://\(host ?? "localhost")\(path)\(String(picture.seed, radix: 16)).png"
            let image: Value =
                asked.wantsAddresses ? ["url": .string(address)] : ["b64_json": .string(Base64.encoded(picture.png))]
            return image.with("revised_prompt", .string(completion.text))
        }
        let tokens = images.count * Asked.imageTokens
        // The size is the true one, whatever was asked for.
        let answer: Value = [
            "created": .number(created), "data": .array(images), "output_format": "png",
            "size": .string("\(side)x\(side)"),
        ]
        let usage: Value = [
            "input_tokens": .number(asked.promptTokens),
            "input_tokens_details": ["text_tokens": .number(asked.promptTokens), "image_tokens": 0],
            "output_tokens": .number(tokens),
            "output_tokens_details": ["text_tokens": 0, "image_tokens": .number(tokens)],
            "total_tokens": .number(asked.promptTokens + tokens),
        ]
        return (fault == .noUsage ? answer : answer.with("usage", usage), tokens)
    }
}
