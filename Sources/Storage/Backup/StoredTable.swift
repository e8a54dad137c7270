/// A table of the main store as its engine describes it, so that no list has to be kept of them. Neither the migrations
/// nor the records, which are partitioned, are among them.
package struct StoredTable: Sendable, Hashable {
    package let name: String
    package let columns: [String]
    let key: [String]
    /// The tables that its foreign keys name.
    let parents: Set<String>

    /// All, each after those that its foreign keys name.
    package static func all(in reader: any Reader, _ dialect: SQLDialect) throws -> [StoredTable] {
        var waiting = try reader.query(dialect.tables).map { row in
            let name: String = try row["name"]
            func names(_ sql: String) throws -> [String] {
                try reader.query(sql, [name]).map { try $0["name"] }
            }
            return StoredTable(
                name: name, columns: try names(dialect.columns), key: try names(dialect.primaryKey),
                parents: Set(try names(dialect.parents)).subtracting([name]))
        }
        var ordered: [StoredTable] = []
        while !waiting.isEmpty {
            let known = Set(ordered.map(\.name))
            guard let next = waiting.firstIndex(where: { $0.parents.isSubset(of: known) }) else {
                throw StorageError.statement("tables that name one another in a circle")
            }
            ordered.append(waiting.remove(at: next))
        }
        return ordered
    }

    package func isEmpty(in reader: any Reader) throws -> Bool {
        try reader.query("SELECT 1 AS one FROM \"\(name)\" LIMIT 1").isEmpty
    }

    var selection: String {
        "SELECT \(Self.list(columns)) FROM \"\(name)\"" + (key.isEmpty ? "" : " ORDER BY \(Self.list(key))")
    }

    /// A statement for rows with these columns.
    package static func insertion(into table: String, _ columns: [String]) -> String {
        let numbers = (1...max(1, columns.count)).map { "$\($0)" }.joined(separator: ", ")
        return "INSERT INTO \"\(table)\" (\(list(columns))) VALUES (\(numbers))"
    }

    private static func list(_ names: [String]) -> String {
        names.map { "\"\($0)\"" }.joined(separator: ", ")
    }
}

extension SQLDialect {
    fileprivate var tables: String {
        switch self {
        case .sqlite:
            """
            SELECT name
            FROM sqlite_master
            WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> 'migrations'
            ORDER BY name
            """
        case .postgres:
            """
            SELECT relname AS name
            FROM pg_class
            WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND NOT relispartition
                AND relname <> 'migrations'
            ORDER BY relname
            """
        }
    }

    fileprivate var columns: String {
        switch self {
        case .sqlite: "SELECT name FROM pragma_table_info($1) ORDER BY cid"
        case .postgres:
            """
            SELECT attname AS name
            FROM pg_attribute
            WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped
            ORDER BY attnum
            """
        }
    }

    fileprivate var primaryKey: String {
        switch self {
        case .sqlite: "SELECT name FROM pragma_table_info($1) WHERE pk > 0 ORDER BY pk"
        case .postgres:
            """
            SELECT attname AS name
            FROM pg_index
            JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
            WHERE indrelid = to_regclass($1) AND indisprimary
            ORDER BY array_position(indkey::int2[], attnum)
            """
        }
    }

    fileprivate var parents: String {
        switch self {
        case .sqlite: "SELECT \"table\" AS name FROM pragma_foreign_key_list($1)"
        case .postgres:
            """
            SELECT relname AS name
            FROM pg_constraint
            JOIN pg_class ON pg_class.oid = confrelid
            WHERE conrelid = to_regclass($1) AND contype = 'f'
            """
        }
    }
}
