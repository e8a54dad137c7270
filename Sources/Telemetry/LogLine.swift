internal import Logging

/// One event, ready to be written. Fields are ordered by name, so equal events make equal lines.
struct LogLine {
    /// Microseconds since 1970, UTC.
    let time: Int64
    let level: Logger.Level
    let label: String
    let message: String
    let fields: Logger.Metadata

    /// How deep metadata may nest before it is cut.
    private static let depthMax = 6
    /// Names the line itself uses; a field of that name gets a `_` behind it.
    private static let ownNames: Set<String> = ["time", "level", "logger", "message"]

    func bytes(as format: LogFormat) -> [UInt8] {
        format == .json ? json : text
    }

    /// `2026-12-03T10:15:30.123456Z info steward.gateway: Upstream is back. upstream=gemma after_ms=310`
    var text: [UInt8] {
        var line = TextBuffer()
        line.writeTime(time)
        line.write(" " as Unicode.Scalar)
        line.write(level.rawValue)
        line.write(" " as Unicode.Scalar)
        line.writeBare(label)
        line.write(": " as StaticString)
        line.writeProse(LogGuard.cleaned(message))
        for (name, value) in fields.sorted(by: { $0.key < $1.key }) {
            line.write(" " as Unicode.Scalar)
            line.writeBare(name)
            line.write("=" as Unicode.Scalar)
            if LogGuard.isSecret(field: name) {
                line.write(LogGuard.mask)
            } else {
                switch value {
                case .string(let text): line.writeBare(LogGuard.cleaned(text))
                case .stringConvertible(let value): line.writeBare(LogGuard.cleaned(value.description))
                case .array, .dictionary: Self.writeJSON(value, to: &line, depth: 0)
                }
            }
        }
        line.write("\n" as Unicode.Scalar)
        return line.bytes
    }

    /// `{"time":"…","level":"info","logger":"…","message":"…","upstream":"gemma"}`
    var json: [UInt8] {
        var line = TextBuffer()
        line.write("{\"time\":\"" as StaticString)
        line.writeTime(time)
        line.write("\",\"level\":" as StaticString)
        line.writeQuoted(level.rawValue)
        line.write(",\"logger\":" as StaticString)
        line.writeQuoted(label)
        line.write(",\"message\":" as StaticString)
        line.writeQuoted(LogGuard.cleaned(message))
        var taken = Self.ownNames
        for (name, value) in fields.sorted(by: { $0.key < $1.key }) {
            var shown = name
            while !taken.insert(shown).inserted { shown += "_" }
            line.write("," as Unicode.Scalar)
            Self.writeMember(shown, value, to: &line, depth: 0)
        }
        line.write("}\n" as StaticString)
        return line.bytes
    }

    private static func writeMember(
        _ name: String, _ value: Logger.MetadataValue, to line: inout TextBuffer, depth: Int
    ) {
        line.writeQuoted(LogGuard.cleaned(name))
        line.write(":" as Unicode.Scalar)
        if LogGuard.isSecret(field: name) {
            line.writeQuoted(LogGuard.mask)
        } else {
            writeJSON(value, to: &line, depth: depth)
        }
    }

    private static func writeJSON(_ value: Logger.MetadataValue, to line: inout TextBuffer, depth: Int) {
        guard depth < depthMax else { return line.writeQuoted("…") }
        switch value {
        case .string(let text):
            line.writeQuoted(LogGuard.cleaned(text))
        case .stringConvertible(let value):
            line.writeNumberOrQuoted(value)
        case .array(let values):
            line.write("[" as Unicode.Scalar)
            for (index, value) in values.enumerated() {
                if index > 0 { line.write("," as Unicode.Scalar) }
                writeJSON(value, to: &line, depth: depth + 1)
            }
            line.write("]" as Unicode.Scalar)
        case .dictionary(let members):
            line.write("{" as Unicode.Scalar)
            for (index, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
                if index > 0 { line.write("," as Unicode.Scalar) }
                writeMember(member.key, member.value, to: &line, depth: depth + 1)
            }
            line.write("}" as Unicode.Scalar)
        }
    }
}

extension TextBuffer {
    /// RFC 3339 in UTC with microseconds: `2026-12-03T10:15:30.123456Z`.
    ///
    /// Source: days to civil date, https://howardhinnant.github.io/date_algorithms.html
    mutating func writeTime(_ microseconds: Int64) {
        let (second, fraction) = microseconds.flooredDivision(by: 1_000_000)
        let (day, secondOfDay) = second.flooredDivision(by: 86_400)
        let (era, dayOfEra) = (day + 719_468).flooredDivision(by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        write(yearOfEra + era * 400 + (month <= 2 ? 1 : 0), digits: 4)
        write("-" as Unicode.Scalar)
        write(month, digits: 2)
        write("-" as Unicode.Scalar)
        write(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1, digits: 2)
        write("T" as Unicode.Scalar)
        write(secondOfDay / 3_600, digits: 2)
        write(":" as Unicode.Scalar)
        write(secondOfDay / 60 % 60, digits: 2)
        write(":" as Unicode.Scalar)
        write(secondOfDay % 60, digits: 2)
        write("." as Unicode.Scalar)
        write(fraction, digits: 6)
        write("Z" as Unicode.Scalar)
    }

    /// As it is if it is one plain word, quoted otherwise: then nothing in it can look like another field.
    fileprivate mutating func writeBare(_ text: String) {
        let isPlain = text.utf8.allSatisfy { byte in
            byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "=")
                && byte != UInt8(ascii: "\\")
        }
        if isPlain, !text.isEmpty { write(text) } else { writeQuoted(text) }
    }

    /// A message: quoted only if it holds something that could break or disguise the line.
    fileprivate mutating func writeProse(_ text: String) {
        let isSafe = text.unicodeScalars.allSatisfy { !$0.isUnsafeInLogs && $0 != "=" && $0 != "\"" && $0 != "\\" }
        if isSafe { write(text) } else { writeQuoted(text) }
    }

    fileprivate mutating func writeNumberOrQuoted(_ value: any CustomStringConvertible) {
        switch value {
        case let value as Bool: write(value ? "true" : "false" as StaticString)
        case let value as any BinaryInteger: write(value)
        case let value as Double where value.isFinite: write(value)
        default: writeQuoted(LogGuard.cleaned(value.description))
        }
    }
}

extension Int64 {
    /// Quotient rounded down and a remainder that is never negative.
    fileprivate func flooredDivision(by divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
