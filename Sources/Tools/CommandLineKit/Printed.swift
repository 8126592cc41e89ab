internal import Base
public import JSON

/// Results on stdout, for people or for programs.
public enum Printed {
    /// - Parameters:
    ///   - json: for programs; names of fields are in snake_case, unless it is a document as the store keeps it.
    ///   - isWanted: whether a program asked.
    public static func json(
        _ json: @autoclosure () throws -> JSONValue, if isWanted: Bool, else text: () throws -> String
    ) throws {
        try writeToStandardOutput(isWanted ? try json().pretty() : try text())
    }

    /// Columns padded to their widest cell; the columns named in `right` are aligned to the right.
    ///
    /// Lines of a cell that has several stand below each other.
    public static func table(_ rows: [[String]], right: Set<Int> = []) -> String {
        let columnCount = rows.map(\.count).max() ?? 0
        let widths = (0..<columnCount).map { column in
            // The last cell of a row needs no padding, and may be as long as a licence.
            rows.map { column + 1 < $0.count || right.contains(column) ? width($0, column) : 0 }.max() ?? 0
        }
        var text = ""
        for row in rows {
            var line = ""
            let last = row.lastIndex { !$0.isEmpty } ?? -1
            for (column, cell) in row.enumerated() where column <= last {
                if column > 0 { line += "  " }
                let isRight = right.contains(column)
                let padding = isRight || column < last ? max(0, widths[column] - cell.count) : 0
                let indent = "\n" + String(repeating: " ", count: widths[..<column].reduce(2 * column, +))
                let lines = cell.utf8.contains(10) ? cell.replacing("\n", with: indent) : cell
                line += isRight ? String(repeating: " ", count: padding) + lines : lines
                if !isRight, padding > 0 { line += String(repeating: " ", count: padding) }
            }
            text += line + "\n"
        }
        return text
    }

    private static func width(_ row: [String], _ column: Int) -> Int { column < row.count ? row[column].count : 0 }
}
