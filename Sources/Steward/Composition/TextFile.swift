internal import Foundation

/// A file that an operator named, such as rules or guidelines.
enum TextFile {
    /// - Throws: `CommandFailure` if it can't be read as UTF-8.
    static func read(_ path: String) throws -> String {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw CommandFailure("The file \(path) can't be read. Check that it exists and is UTF-8 text.", .noInput)
        }
        return text
    }

    /// - Throws: `CommandFailure` if it is not UTF-8.
    static func readStandardInput() throws -> String {
        guard let text = String(data: FileHandle.standardInput.readDataToEndOfFile(), encoding: .utf8) else {
            throw CommandFailure("Standard input is no UTF-8 text.", .noInput)
        }
        return text
    }
}

/// Files that are no text.
enum BinaryFile {
    /// - Throws: `CommandFailure` if it can't be read, or is larger than what it can be.
    static func read(_ path: String, bytesMax: Int) throws -> [UInt8] {
        guard let file = FileHandle(forReadingAtPath: path),
            let data = try? file.read(upToCount: bytesMax + 1) ?? Data()
        else {
            throw CommandFailure("The file \(path) can't be read. Check that it exists.", .noInput)
        }
        guard data.count <= bytesMax else {
            throw CommandFailure("The file \(path) is larger than \(bytesMax) bytes.", .configuration)
        }
        return Array(data)
    }
}
