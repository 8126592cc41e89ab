import Archives
import Base
import Ingest
import JSON
import RawSources
import SystemPackage
import TestKit
import Testing

/// CSV and TSV: every row comes out as it was written, wherever pieces of the file end, or is an error with its place.
@Suite struct DelimitedReaderTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    struct Row: Equatable {
        var line: Int
        var byteOffset: Int
        var values: [String: String]
    }

    func rows(
        of reader: DelimitedReader
    ) throws -> [Row] {
        var rows: [Row] = []
        let columns = try reader.columns()
        while let batch = try reader.nextBatch() {
            if let fault = batch.faults.first { throw fault.error }
            try batch.forEachLine { line in
                let object = try JSONValue.parse(Array(line.bytes), path: "row").object!
                #expect(object.map(\.key) == columns)
                let place = batch.place(line: line.number, byteOffset: line.byteOffset)
                #expect(place.line == line.number && place.path == reader.path)
                rows.append(
                    Row(
                        line: line.number, byteOffset: place.byteOffset!,
                        values: [String: String](uniqueKeysWithValues: object.map { ($0.key, $0.value.string!) })))
            }
        }
        return rows
    }

    /// - Throws: the first fault of a row.
    func rows(
        of bytes: [UInt8], _ format: DelimitedFormat, batchByteCount: Int = 1 << 20, bufferByteCount: Int = 1 << 20
    ) throws -> [Row] {
        let stream = try InputStream(folder.write(bytes, to: "table"), hashing: true)
        let reader = DelimitedReader(
            stream, format, ReadingContext(batchByteCount: batchByteCount), bufferByteCount: bufferByteCount)
        let rows = try rows(of: reader)
        #expect(try reader.finish()?.size == bytes.count)
        return rows
    }

    // MARK: - Laws

    @Test(arguments: 0..<60) func whatIsWrittenIsReadBack(seed: Int) throws {
        var random = SplitMix64(seed: UInt64(seed))
        let delimiter = Character([",", ";", "\t"].randomElement(using: &random)!)
        let lineEnd = Bool.random(using: &random) ? "\n" : "\r\n"
        let columns = (0..<Int.random(in: 1...4, using: &random)).map { "c\($0)" }
        let isQuoting = Bool.random(using: &random)
        var text = Bool.random(using: &random) ? "\u{FEFF}" : ""
        let hasHeader = Bool.random(using: &random)
        if hasHeader { text += columns.joined(separator: String(delimiter)) + lineEnd }
        var expected: [Row] = []
        for _ in 0..<Int.random(in: 1...12, using: &random) {
            // Empty lines are none of a row.
            if Int.random(in: 0..<8, using: &random) == 0 { text += lineEnd }
            var values: [String: String] = [:]
            let line = 1 + text.utf8.count { $0 == 0x0A }
            let start = text.utf8.count
            var fields: [String] = []
            for column in columns {
                let pieces =
                    isQuoting
                    ? ["a", "ü", "\"", ",", ";", "\t", "\n", "\r\n", " ", "\\"] : ["a", "ü", "\"", " ", "\\"]
                let value = (0..<Int.random(in: 0...9, using: &random)).map { _ in pieces.randomElement(using: &random)!
                }
                .joined()
                values[column] = value
                let needsQuotes =
                    isQuoting && (value.utf8.contains { [0x22, 0x2C, 0x3B, 0x09, 0x0A].contains($0) } || value.isEmpty)
                let isQuoted = needsQuotes || isQuoting && Bool.random(using: &random)
                fields.append(
                    isQuoted
                        ? "\""
                            + value.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
                            + "\"" : value)
            }
            let row = fields.joined(separator: String(delimiter))
            guard !row.isEmpty else { continue }
            text += row + lineEnd
            expected.append(Row(line: line, byteOffset: start, values: values))
        }
        if Bool.random(using: &random), text.hasSuffix(lineEnd) { text.removeLast() }
        let format = DelimitedFormat(
            delimiter: delimiter.asciiValue!, quoting: isQuoting ? .rfc4180 : .none, columns: hasHeader ? nil : columns)
        guard !expected.isEmpty else { return }
        for (batchByteCount, bufferByteCount) in [(1 << 20, 1 << 20), (1, 3), (50, 4), (1, 7), (1 << 20, 16)] {
            #expect(
                try rows(
                    of: Array(text.utf8), format, batchByteCount: batchByteCount, bufferByteCount: bufferByteCount)
                    == expected)
        }
    }

    /// What is cut off is rows less, or an error; nothing else, and nothing twice.
    @Test func everyTruncationIsAPrefixOrAnError() throws {
        let text = Array("id,text\n1,\"a \"\"b\"\"\r\nc\"\r\n2,plain\n\n3,\"ü\"\n".utf8)
        let whole = try rows(of: text, .csv())
        #expect(whole.map(\.line) == [2, 4, 6])
        #expect(whole[0].values["text"] == "a \"b\"\r\nc")
        for count in 0..<text.count {
            guard let read = try? rows(of: Array(text[..<count]), .csv(), bufferByteCount: 5) else { continue }
            // The last row may lack what was cut off its last field.
            for (row, expected) in zip(read, whole) {
                #expect(row == expected || row.line == read.last?.line)
            }
            #expect(read.count <= whole.count)
        }
    }

    @Test func quotesOfPlainTablesAreCharacters() throws {
        let text = "0\tThe \"presence of\n1\tsaid \"no\"\tx\n"
        #expect(throws: InputError.self) { try rows(of: Array(text.utf8), .tsv(columns: ["id", "text"])) }
        let good = try rows(of: Array("0\tThe \"presence\r\n1\t\"\"\n".utf8), .tsv(columns: ["id", "text"]))
        #expect(good.map { $0.values["text"] } == ["The \"presence", "\"\""])
        #expect(good.map(\.byteOffset) == [0, 17])
    }

    @Test(arguments: ["gz", "zst", "xz"]) func packedFilesAndMembers(ending: String) throws {
        let text = Array("0\tone\n1\ttwo\n".utf8)
        let packed = folder("collection.tsv." + ending)
        let output = try CompressedOutput(packed)
        try output.write(text)
        try output.commit()
        let format = DelimitedFormat.tsv(columns: ["id", "text"])
        let expected = try rows(of: text, format)
        #expect(try rows(of: DelimitedReader(InputStream(packed), format)) == expected)
        let tar = folder("all.tar")
        let writer = try TarWriter(tar)
        for name in ["queries.tsv", "collection.tsv", "qrels.tsv"] {
            try text.withUnsafeBytes { try writer.append(name, $0) }
        }
        try writer.commit()
        let tarOutput = try CompressedOutput(folder("all.tar." + ending))
        try tarOutput.write(Files.readAll(tar))
        try tarOutput.commit()
        let members = try MemberReader(folder("all.tar." + ending))
        while let name = try members.next(), name != "collection.tsv" {}
        let reader = DelimitedReader(InputStream(memberOf: members), format)
        #expect(reader.path.hasSuffix("all.tar.\(ending)/collection.tsv"))
        #expect(try rows(of: reader) == expected)
        #expect(try members.next() == "qrels.tsv")
    }

    // MARK: - Errors

    struct Fault: Sendable, CustomTestStringConvertible {
        let name: String
        let text: String
        let format: DelimitedFormat
        let message: String
        var testDescription: String { name }

        init(_ name: String, _ text: String, _ format: DelimitedFormat, _ message: String) {
            (self.name, self.text, self.format, self.message) = (name, text, format, message)
        }

        init(_ name: String, _ text: String, _ message: String) { self.init(name, text, .csv(), message) }
    }

    @Test(arguments: [
        Fault("too few", "a,b\n1,2\n3\n", "table:3 (byte 8), field \"b\": 1 columns where 2 should be: \"3"),
        Fault("too many", "a,b\n1,2\n\n3,4,5\n", "table:4 (byte 9): 3 columns where 2 should be: \"3,4,5"),
        Fault(
            "tab in a text", "1\tx\ty\n", .tsv(columns: ["id", "text"]), "table:1 (byte 0): 3 columns where 2 should be"
        ),
        Fault("behind line breaks", "a,b\n\"1\n\n\",2\n3\n", "table:5 (byte 12), field \"b\": 1 columns"),
        Fault(
            "endless", "a,b\n1,2\n3,\"4\n5,6\n",
            "table:3 (byte 10), field \"b\": the quote that begins this field does not end"),
        Fault(
            "within", "a,b\n1,x \"y\"\n",
            "table:2 (byte 8), field \"b\": a quote within a field that does not begin with one"),
        Fault("behind", "a,b\n1,\"x\"y\n", "table:2 (byte 8), field \"b\": text behind the quote that ends a field"),
        Fault("in the header", "a,\"b\n1,2\n", "table:1 (byte 2), field \"column 2\": the quote that begins"),
        Fault("same names", "a,b,a\n1,2,3\n", "table:1, field \"a\": columns 1 and 3 have the same name"),
        Fault("nothing", "", "table: the file is empty"),
        Fault("nothing but given names", "", .tsv(columns: ["a"]), "table: the file is empty"),
    ])
    func faultsHaveTheirPlace(fault: Fault) throws {
        for bufferByteCount in [3, 8, 1 << 20] {
            let error = #expect(throws: InputError.self) {
                try rows(of: Array(fault.text.utf8), fault.format, bufferByteCount: bufferByteCount)
            }
            #expect(error?.description.contains(fault.message) == true, "\(String(describing: error))")
            #expect(error?.advice != nil)
        }
    }

    @Test func bytesThatAreNoText() throws {
        let text = Array("a,b\n1,2\n3,x".utf8) + [0xFC] + Array("y\n".utf8)
        for format in [DelimitedFormat.csv(), DelimitedFormat(delimiter: 0x2C, quoting: .none)] {
            let error = #expect(throws: InputError.self) { try rows(of: text, format) }
            #expect(error?.description.contains("table:3 (byte 10), field \"b\": not valid UTF-8: \"x\\xfcy") == true)
        }
    }

    @Test(arguments: [DelimitedFormat.csv(), .tsv(columns: ["a", "b"])])
    func fieldsAreBounded(format: DelimitedFormat) throws {
        let isQuoted = format.quoting == .rfc4180
        let path = folder("table")
        var file = try OutputFile(creating: path)
        try file.write(Array((isQuoted ? "a,b\n1,\"" : "1\t").utf8))
        let piece = [UInt8](repeating: 0x78, count: 1 << 20)
        for _ in 0..<65 { try file.write(piece) }
        try file.close()
        let reader = DelimitedReader(try InputStream(path), format)
        let fault = try #require(try reader.nextBatch()?.faults.first)
        #expect(fault.error.reason == "a field of more than \(64 << 20) bytes")
        #expect(fault.error.place.field == "b")
        #expect(fault.error.place.line == (isQuoted ? 2 : 1))
        #expect(fault.line.count == 1024)
        #expect(try reader.nextBatch() == nil)
    }
}
