/// One row of a result; its columns are read by name.
///
/// ```swift
/// let name: String = try row["name"]
/// let expiresAt: Timestamp? = try row["expires_at"]
/// ```
package struct Row: Sendable {
    /// Shared by all rows of one result.
    private let columns: [String]
    let values: [SQLValue]

    package init(columns: [String], values: [SQLValue]) {
        precondition(columns.count == values.count, "A row has one value for each column.")
        self.columns = columns
        self.values = values
    }

    /// The value in `column`; a linear search, since results are narrow.
    ///
    /// - Throws: `StorageError.missingColumn`, `StorageError.unreadableValue`.
    package subscript<Value: SQLValueConvertible>(column: String) -> Value {
        get throws {
            guard let index = columns.firstIndex(of: column) else { throw StorageError.missingColumn(column) }
            guard let value = Value(sqlValue: values[index]) else {
                throw StorageError.unreadableValue(
                    column: column, expected: "\(Value.self)", found: values[index].kind)
            }
            return value
        }
    }
}
