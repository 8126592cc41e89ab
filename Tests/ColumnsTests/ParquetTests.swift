import Base
import Columns
import JSON
import SystemPackage
import TestKit
import Testing

@Suite struct ParquetTests {
    /// Every file that pyarrow reads is read equal to it, every other is an error.
    @Test func readsAsPyarrowDoes() throws {
        let files = try GoldenFiles.shared.get()
        #expect(files.names.count > 80)
        var readCount = 0
        for name in files.names {
            let golden = try #require(files.rows[name])
            let path = files.folder(name)
            if golden["error"] != nil {
                #expect(throws: ParquetError.self, "\(name)") {
                    let file = try ParquetFile(path)
                    _ = try file.rows(of: file.fields.map(\.name))
                }
                continue
            }
            readCount += 1
            let file = try ParquetFile(path)
            let leftOut = golden["leftOut"]?.array?.compactMap(\.string) ?? []
            let columns = file.fields.map(\.name).filter { !leftOut.contains($0) }
            #expect(columns == golden["columns"]?.array?.compactMap(\.string), "\(name)")
            let rows = try file.rows(of: columns)
            #expect(rows.count == golden["rowCount"]?.integer, "\(name)")
            #expect(rows.count == file.rowCount || columns.isEmpty, "\(name)")
            let expected = golden["rows"]?.array ?? []
            // Of long files the golden has as many rows of the start as of the end.
            let kept =
                rows.count > expected.count
                ? rows.prefix(expected.count / 2) + rows.suffix(expected.count / 2) : rows[...]
            #expect(kept.count == expected.count, "\(name)")
            for (row, wanted) in zip(kept, expected) {
                let found = try JSONValue.parse(row, path: name)
                for column in columns where found[column] != wanted[column] {
                    Issue.record(
                        "\(name), \(column): \(String(describing: found[column])) instead of \(String(describing: wanted[column]))"
                    )
                }
            }
        }
        #expect(readCount > 70)
    }

    @Test(arguments: [1, 3000, 100_000]) func batchesAreCutAnywhere(batchBytes: Int) throws {
        let files = try GoldenFiles.shared.get()
        let file = try ParquetFile(files.folder("pyarrow-zstd.parquet"))
        let names = file.fields.map(\.name)
        #expect(try file.rows(of: names, batchBytes: batchBytes) == file.rows(of: names))
    }

    @Test func columnsComeInTheOrderAskedFor() throws {
        let files = try GoldenFiles.shared.get()
        let file = try ParquetFile(files.folder("pyarrow-none.parquet"))
        let rows = try file.rows(of: ["kind", "image_id"])
        #expect(String(decoding: rows[7], as: UTF8.self).hasSuffix(",\"image_id\":\"id-7\"}"))
        #expect(String(decoding: rows[7], as: UTF8.self).hasPrefix("{\"kind\":\""))
    }

    @Test func aBatchOutlivesItsFile() throws {
        let files = try GoldenFiles.shared.get()
        let batch: RecordBatch? = try {
            let file = try ParquetFile(files.folder("pyarrow-gzip.parquet"))
            return try file.pass(over: ["image_id"]).next()
        }()
        var line: [UInt8] = []
        try batch?.appendJSON(ofRow: 0, to: &line) { _, _, _ in }
        #expect(String(decoding: line, as: UTF8.self) == "{\"image_id\":\"id-0\"}")
    }

    @Test func binaryValuesKnowWhereTheyAre() throws {
        let files = try GoldenFiles.shared.get()
        let file = try ParquetFile(files.folder("duckdb.parquet"))
        let batch = try #require(try file.pass(over: ["image", "questions"]).next())
        var paths: Set<String> = []
        var line: [UInt8] = []
        for row in 0..<batch.rowCount {
            try batch.appendJSON(ofRow: row, to: &line) { bytes, path, output in
                paths.insert(path.joined(separator: "."))
                JSONText.appendInteger(bytes.count, to: &output)
            }
        }
        #expect(paths == ["image.bytes"])
    }

    @Test func refusals() throws {
        let files = try GoldenFiles.shared.get()
        let file = try ParquetFile(files.folder("pyarrow-snappy.parquet"))
        #expect(throws: ParquetError.self) { _ = try file.pass(over: ["imge"]) }
        #expect(throws: SystemError.self) { _ = try ParquetFile(files.folder("nowhere.parquet")) }
        let empty = try files.folder.write([], to: "empty.parquet")
        #expect(throws: ParquetError.self) { _ = try ParquetFile(empty) }
        #expect(try !ParquetFile.isParquet(empty))
        #expect(try ParquetFile.isParquet(files.folder("pyarrow-snappy.parquet")))
        // What a file asks for is limited.
        let error = #expect(throws: ParquetError.self) {
            let limited = try ParquetFile(files.folder("pyarrow-zstd.parquet"), memoryLimit: 50_000)
            _ = try limited.rows(of: limited.fields.map(\.name))
        }
        #expect(error?.description.contains("more memory") == true)
    }

    @Test func anInfinityNamesItsPlace() throws {
        let files = try GoldenFiles.shared.get()
        let file = try ParquetFile(files.folder("pyarrow-types.parquet"))
        let error = #expect(throws: InputError.self) { _ = try file.rows(of: ["endless"]) }
        #expect(error?.place.line == 3)
        #expect(error?.place.field == "endless")
    }

    /// Damage is an error or goes unseen where the format has no checksum; it never traps and never hangs.
    @Test func mutationsAndTruncations() throws {
        let files = try GoldenFiles.shared.get()
        let folder = try TemporaryFolder()
        var random = SplitMix64(seed: 20_261_125)
        var errorCount = 0
        let sources = files.names.filter { !$0.contains("bad_data") }
        for turn in 0..<600 {
            let name = sources[Int(random.next(below: UInt64(sources.count)))]
            var bytes = try Files.readAll(files.folder(name))
            if turn % 3 == 0 {
                bytes.removeLast(bytes.count - Int(random.next(below: UInt64(bytes.count))))
            } else {
                for _ in 0..<1 + random.next(below: 8) {
                    // Half of them in the footer, where structure is dense.
                    let from = turn % 3 == 1 ? max(0, bytes.count - 600) : 0
                    let index = from + Int(random.next(below: UInt64(bytes.count - from)))
                    bytes[index] ^= 1 << UInt8(random.next(below: 8))
                }
            }
            let path = try folder.write(bytes, to: "mutated.parquet")
            do {
                let file = try ParquetFile(path, memoryLimit: 64 << 20)
                _ = try file.rows(of: file.fields.map(\.name))
            } catch is ParquetError {
                errorCount += 1
            } catch is InputError {
                errorCount += 1
            }
        }
        #expect(errorCount > 300)
    }
}
