internal import Foundation
internal import Storage

/// What commands print on standard output: tables for people, JSON for programs.
enum Output {
    static func print(_ text: String) { _ = write(Array(text.utf8)) }

    /// - Returns: the code of `write` where it failed; `nil` where all is written, or the reader went away.
    static func write(_ bytes: [UInt8]) -> Int32? {
        var bytes = bytes[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Foundation.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            // A reader that went away wants no more.
            guard count > 0 else { return errno == EPIPE ? nil : errno }
            bytes = bytes.dropFirst(count)
        }
        return nil
    }

    /// Says on standard error what is no error, but perhaps not meant.
    static func warn(_ text: String) {
        FileHandle.standardError.write(Data("steward: \(Table.visible(text))\n".utf8))
    }

    /// Indented JSON with sorted, snake_case names.
    static func json(_ value: some Encodable) throws -> String {
        String(decoding: try encoder(pretty: true).encode(value), as: UTF8.self) + "\n"
    }

    /// JSON on one line.
    static func jsonLine(_ value: some Encodable) throws -> String {
        String(decoding: try encoder(pretty: false).encode(value), as: UTF8.self) + "\n"
    }

    private static func encoder(pretty: Bool) -> JSONEncoder {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if pretty { encoder.outputFormatting.insert(.prettyPrinted) }
        return encoder
    }
}

extension Timestamp {
    /// `2026-12-01T10:15:30Z`
    var iso8601: String {
        Date(timeIntervalSince1970: Double(microseconds) / 1e6).formatted(.iso8601)
    }
}
