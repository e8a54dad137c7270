internal import Access

/// A table of plain text: a header, then rows, columns as wide as they need.
struct Table {
    enum Alignment {
        case left, right
    }

    private let columns: [(title: String, alignment: Alignment)]
    private var rows: [[String]] = []

    init(_ titles: [String], rightAligned: Set<String> = []) {
        columns = titles.map { ($0, rightAligned.contains($0) ? .right : .left) }
    }

    /// An empty cell is shown as a dash.
    ///
    /// - Precondition: as many cells as columns.
    mutating func add(_ cells: [String]) {
        precondition(cells.count == columns.count, "A row has as many cells as the table has columns.")
        rows.append(cells.map { $0.isEmpty ? "–" : Self.visible($0) })
    }

    /// Lines without trailing spaces, each ending in a newline.
    var text: String {
        let all = [columns.map(\.title)] + rows
        let widths = columns.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { cells in
            var line = ""
            for (index, cell) in cells.enumerated() {
                let padding = String(repeating: " ", count: widths[index] - cell.count)
                line += columns[index].alignment == .right ? padding + cell : cell + padding
                line += "  "
            }
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }.joined()
    }

    /// Without what is hidden: a terminal must not obey what somebody named a model or an application, and a name must
    /// not show as another one.
    static func visible(_ cell: String) -> String {
        String(
            String.UnicodeScalarView(
                cell.unicodeScalars.map { $0.isHidden ? "\u{FFFD}" : $0 }))
    }
}
