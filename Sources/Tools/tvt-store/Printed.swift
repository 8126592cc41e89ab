internal import Base
internal import JSON
internal import StoreFormat

/// Results on stdout, for people or for programs.
enum Printed {
    static func json(_ json: @autoclosure () throws -> JSONValue, if isWanted: Bool, else text: () throws -> String)
        throws
    {
        try writeToStandardOutput(isWanted ? try json().pretty() : try text())
    }

    /// Columns padded to their widest cell; the columns named in `right` are aligned to the right.
    static func table(_ rows: [[String]], right: Set<Int> = []) -> String {
        let columnCount = rows.map(\.count).max() ?? 0
        let widths = (0..<columnCount).map { column in rows.map { $0[column].count }.max() ?? 0 }
        var text = ""
        for row in rows {
            var line = ""
            for (column, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                line += (column > 0 ? "  " : "") + (right.contains(column) ? padding + cell : cell + padding)
            }
            while line.last == " " { line.removeLast() }
            text += line + "\n"
        }
        return text
    }

    /// `1.8 MiB`.
    static func size(_ byteCount: Int) -> String {
        var value = Double(byteCount)
        for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
            if value < 1024 || unit == "TiB" { return unit == "B" ? "\(byteCount) B" : "\(decimal(value)) \(unit)" }
            value /= 1024
        }
        return "\(byteCount) B"
    }

    /// With one digit after the point.
    static func decimal(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(abs(tenths % 10))"
    }

    /// With two digits after the point.
    static func hundredths(_ value: Double) -> String {
        let hundredths = Int((value * 100).rounded())
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(abs(hundredths % 100))"
    }

    /// `2 items, 3.1 MB (2 images), 1 reference to items elsewhere`.
    static func text(of media: Manifest.MediaTable) -> String {
        func counted(_ value: Int, _ one: String, _ many: String) -> String {
            "\(count(value)) \(value == 1 ? one : many)"
        }
        var text = "\(counted(media.itemCount, "item", "items")), \(size(media.rawBytes)) raw, "
        text += "\(size(media.storedBytes)) stored"
        let kinds = [
            (media.imageCount, "image", "images"), (media.videoCount, "video", "videos"),
            (media.audioCount, "sound", "sounds"),
        ].filter { $0.0 > 0 }.map { counted($0.0, $0.1, $0.2) }
        if !kinds.isEmpty { text += " (\(kinds.joined(separator: ", ")))" }
        if media.externalCount > 0 {
            text += ", \(counted(media.externalCount, "reference", "references")) to items elsewhere"
        }
        return text
    }

    /// `31,102`.
    static func count(_ value: Int) -> String {
        var digits = String(abs(value))
        var groups: [String] = []
        while digits.count > 3 {
            groups.insert(String(digits.suffix(3)), at: 0)
            digits.removeLast(3)
        }
        return (value < 0 ? "-" : "") + ([digits] + groups).joined(separator: ",")
    }
}
