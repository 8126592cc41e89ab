import Archives
import Base
import Columns
import JSON
import SystemPackage
import TestKit
import Testing

/// The Parquet files of `Golden/files.tar.zst`, unpacked once, with what pyarrow reads in each.
struct GoldenFiles {
    static let shared = Result { try GoldenFiles() }

    let folder: TemporaryFolder
    let names: [String]
    let rows: JSONValue

    private init() throws {
        let golden = Golden(file: #filePath)
        let tree = try SourceTree(golden("files.tar.zst"))
        folder = try TemporaryFolder()
        for name in tree.names { try folder.write(tree.open(name).readAll(), to: name) }
        names = tree.names
        rows = try .parse(InputStream(golden("rows.json.zst")).readAll(), path: "rows.json")
    }
}

extension ParquetFile {
    /// All rows of some columns as JSON, binary values in hexadecimal.
    func rows(of names: [String], batchBytes: Int = 8 << 20) throws -> [[UInt8]] {
        let pass = try pass(over: names, batchBytes: batchBytes)
        var rows: [[UInt8]] = []
        while let batch = try pass.next() {
            #expect(batch.firstRow == rows.count)
            for row in 0..<batch.rowCount {
                var line: [UInt8] = []
                try batch.appendJSON(ofRow: row, to: &line) { bytes, _, output in
                    JSONText.appendString(hexadecimal(bytes), to: &output)
                }
                rows.append(line)
            }
        }
        return rows
    }
}
