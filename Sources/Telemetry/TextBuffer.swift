/// Bytes being written: the few pieces that exposition, logs and JSON are made of, without Foundation.
struct TextBuffer {
    var bytes: [UInt8] = []

    mutating func write(_ text: StaticString) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    mutating func write(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    mutating func write(_ byte: Unicode.Scalar) {
        bytes.append(UInt8(ascii: byte))
    }

    mutating func write(_ integer: some BinaryInteger) {
        write(String(integer))
    }

    /// As Prometheus reads numbers: `NaN`, `+Inf`, `-Inf`, whole numbers without a fraction.
    mutating func write(_ number: Double) {
        if number.isNaN {
            write("NaN" as StaticString)
        } else if number.isInfinite {
            write(number > 0 ? "+Inf" : "-Inf" as StaticString)
        } else if number.rounded() == number, number.magnitude < 1e15 {
            write(Int64(number))
        } else {
            write(number.description)
        }
    }

    /// A decimal of exactly `digits` places, zeros in front.
    mutating func write(_ number: Int64, digits: Int) {
        let text = String(number)
        for _ in 0..<max(0, digits - text.utf8.count) { write("0" as Unicode.Scalar) }
        write(text)
    }

    /// A JSON string in quotes (RFC 8259).
    ///
    /// Whatever could end a line, hide text or reorder it on a terminal is written as `\u`: all controls, the line and
    /// paragraph separators, and bidirectional controls.
    mutating func writeQuoted(_ text: some StringProtocol) {
        write("\"" as Unicode.Scalar)
        for scalar in text.unicodeScalars { writeEscaped(scalar) }
        write("\"" as Unicode.Scalar)
    }

    private mutating func writeEscaped(_ scalar: Unicode.Scalar) {
        switch scalar {
        case "\"": write("\\\"" as StaticString)
        case "\\": write("\\\\" as StaticString)
        case "\n": write("\\n" as StaticString)
        case "\r": write("\\r" as StaticString)
        case "\t": write("\\t" as StaticString)
        case _ where scalar.isUnsafeInLogs: writeUnicodeEscape(scalar)
        default: bytes.append(contentsOf: UTF8.encode(scalar)!)
        }
    }

    private mutating func writeUnicodeEscape(_ scalar: Unicode.Scalar) {
        for unit in UTF16.encode(scalar)! {
            write("\\u" as StaticString)
            for shift in [12, 8, 4, 0] {
                bytes.append(Self.hexDigits[Int(unit >> UInt16(shift) & 15)])
            }
        }
    }

    private static let hexDigits = Array("0123456789abcdef".utf8)
}

extension Unicode.Scalar {
    /// Controls (C0, DEL, C1), line and paragraph separators, bidirectional controls, the byte-order mark and tags.
    var isUnsafeInLogs: Bool {
        switch value {
        case 0..<0x20, 0x7F..<0xA0, 0x061C, 0x200E...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF, 0xFFF9...0xFFFB,
            0xE0000...0xE007F:
            true
        default: false
        }
    }
}
