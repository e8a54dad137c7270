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
