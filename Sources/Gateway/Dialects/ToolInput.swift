internal import Filtering
internal import JSON

/// What a tool is given by a stream, put together from its pieces: JSON that clients read as a tree.
enum ToolInput {
    case tree(JSONDocument)
    /// Nobody reads a tree in it: it is empty, or a number was taken out of it. It was judged as the text that it is.
    case noTree
    /// Readers of JSON that are less strict than ours may find a tree in it that we don't see.
    case ambiguous(JSONError.Problem)

    /// Values of a tree.
    private static let limits = JSONLimits(nodesMax: 100_000)

    /// Clients also read what breaks off, such as at the cap of an answer's tokens: as if all that is open were closed there.
    ///
    /// - Parameter markers: what stands in place of what was taken out.
    init(_ json: [UInt8], markers: RedactionMarkers) {
        do throws(JSONError) {
            self = .tree(try JSONDocument(parsing: json, limits: Self.limits))
        } catch {
            switch error.problem {
            case .empty: self = .noTree
            case .tooDeep, .tooManyValues, .duplicateKey, .loneSurrogate, .numberNotFinite:
                self = .ambiguous(error.problem)
            default:
                // Where a number was taken out, no reader finds a value.
                self =
                    Self.closing(json).map(Self.tree)
                    ?? (markers.mayStand(in: json) ? .noTree : .ambiguous(error.problem))
            }
        }
    }

    /// The tree of what broke off: with what is open closed, and the value that is under way completed or left out.
    private static func closing(_ json: [UInt8]) -> JSONDocument? {
        var closers: [UInt8] = []
        var isInString = false
        var escape: Int?
        for (index, byte) in json.enumerated() {
            if isInString {
                if let start = escape {
                    // Four digits follow a `u`.
                    if index - start == 1 ? byte != 0x75 : index - start == 5 { escape = nil }
                } else if byte == 0x5C {
                    escape = index
                } else if byte == 0x22 {
                    isInString = false
                }
                continue
            }
            switch byte {
            case 0x22: isInString = true
            case 0x7B: closers.append(0x7D)
            case 0x5B: closers.append(0x5D)
            case 0x7D, 0x5D: if closers.popLast() != byte { return nil }
            default: continue
            }
        }
        let text = isInString ? Array(json[..<(escape ?? json.count)]) + [0x22] : json
        // A number or word may have broken off too.
        let whole = isInString ? text : Array(text[..<(text.lastIndex { !isOfWord($0) }.map { $0 + 1 } ?? 0)])
        for text in [text, whole] {
            for filling in ["", "null", ":null", #""":null"#] {
                let closed = text + Array(filling.utf8) + closers.reversed()
                if let document = try? JSONDocument(parsing: closed, limits: limits) { return document }
            }
        }
        return nil
    }

    private static func isOfWord(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) || [0x2B, 0x2D, 0x2E, 0x45].contains(byte)
    }
}
