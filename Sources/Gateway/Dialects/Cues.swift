/// Subtitles as SubRip and WebVTT write them: under a line of times, the lines that are shown then.
enum Cues {
    /// Where in a text the shown lines stand, each in the stretches between its tags, which are not shown; none where there
    /// are no cues. Linear.
    static func lines(of text: ArraySlice<UInt8>) -> [[Range<Int>]] {
        var lines: [[Range<Int>]] = []
        var hasTimes = false
        let isVTT = headers.contains { text.starts(with: $0.utf8) }
        /// Behind an empty line: it is shown unless times follow, whose name it is then.
        var undecided: Range<Int>?
        var isBlockBegin = true
        /// In a block that is for players only.
        var isHidden = false
        func show(_ line: Range<Int>) {
            let stretches = stretches(of: text[line])
            if !stretches.isEmpty { lines.append(stretches) }
        }
        forEachLine(of: text) { line in
            if areTimes(text[line]) {
                hasTimes = true
                (undecided, isHidden, isBlockBegin) = (nil, false, false)
                return
            }
            if let shown = undecided { show(shown) }
            undecided = nil
            if text[line].allSatisfy({ $0 == 0x20 || $0 == 0x09 }) {
                (isBlockBegin, isHidden) = (true, false)
            } else if isBlockBegin {
                isBlockBegin = false
                isHidden = isVTT && hiddenBlocks.contains { text[line].starts(with: $0.utf8) }
                if !isHidden { undecided = line }
            } else if !isHidden {
                show(line)
            }
        }
        if let undecided { show(undecided) }
        return hasTimes ? lines : []
    }

    /// With what WebVTT begins.
    private static let headers = ["WEBVTT", "\u{FEFF}WEBVTT"]
    /// With what its blocks begin that players do not show.
    private static let hiddenBlocks = headers + ["NOTE", "STYLE", "REGION"]

    private static func forEachLine(of text: ArraySlice<UInt8>, _ body: (Range<Int>) -> Void) {
        var start = text.startIndex
        while start < text.endIndex {
            let end = text[start...].firstIndex { $0 == 0x0A || $0 == 0x0D } ?? text.endIndex
            body(start..<end)
            guard end < text.endIndex else { return }
            let isPair = text[end] == 0x0D && end + 1 < text.endIndex && text[end + 1] == 0x0A
            start = end + (isPair ? 2 : 1)
        }
    }

    /// Whether a line begins with a time and an arrow, such as `00:01.000 -->`.
    private static func areTimes(_ line: ArraySlice<UInt8>) -> Bool {
        let line = line.drop { $0 == 0x20 || $0 == 0x09 }
        let time = line.prefix { (0x30...0x3A).contains($0) || $0 == 0x2C || $0 == 0x2E }
        guard time.contains(0x3A) else { return false }
        return line[time.endIndex...].drop { $0 == 0x20 || $0 == 0x09 }.starts(with: "-->".utf8)
    }

    /// What of a line stands outside of `<tags>`.
    private static func stretches(of line: ArraySlice<UInt8>) -> [Range<Int>] {
        var stretches: [Range<Int>] = []
        var start = line.startIndex
        var index = start
        while let open = line[index...].firstIndex(of: 0x3C) {
            guard let close = line[open...].firstIndex(of: 0x3E) else { break }
            if start < open { stretches.append(start..<open) }
            (start, index) = (close + 1, close + 1)
        }
        if start < line.endIndex { stretches.append(start..<line.endIndex) }
        return stretches
    }
}
