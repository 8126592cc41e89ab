import Base
import Ingest
import JSON
import MappedSources
import Store
import StoreFormat
import SystemPackage
import TestKit
import Testing

/// What comes of rows does not depend on the format of their file.
@Suite struct FormatTests {
    private static let files = [
        "pandas.csv", "pandas.tsv", "semicolons.csv", "packed.csv.gz", "lines.jsonl", "array.json", "member.json",
        "pyarrow.parquet", "polars.parquet", "polars.arrow", "pyarrow.feather", "file.arrow", "stream.arrow", "saved",
        "dict",
    ]

    private static var options: RowOptions {
        var options = RowOptions(query: "question", positive: ["passage"], negative: ["neg_*"])
        options.queryID = "qid"
        options.positives.scores = ["score"]
        return options
    }

    @Test(arguments: 1...3) func equalRowsAreEqualDatasetsWhateverWroteThem(seed: Int) throws {
        let place = try MappedPlace.withGoldenTables()
        var digests: [String: SHA256Digest] = [:]
        for name in Self.files {
            var reading = RowReading()
            if name == "dict" { reading.split = "train" }
            let (dataset, report) = try place.take([place("formats/rows\(seed)/\(name)")], Self.options, reading)
            #expect(dataset.queryCount > 10 && dataset.documentCount > 20, "\(name)")
            #expect(report.positiveCount > 30 && report.negativeCount > 60, "\(name)")
            #expect(report.inputs.count == (name == "saved" ? 3 : 1), "\(name)")
            digests[name] = dataset.manifest.logicalDigest
        }
        #expect(Set(digests.values).count == 1, "\(digests)")
    }

    @Test(arguments: [1, 3]) func resultsDoNotDependOnThreadsOrBatches(workers: Int) throws {
        let place = try MappedPlace.withGoldenTables()
        let file = place("formats/rows1/lines.jsonl")
        let (whole, _) = try place.take([file], Self.options, as: "whole")
        let (cut, _) = try place.take([file], Self.options, as: "cut") {
            $0.workers = workers
            $0.batchByteCount = 300
        }
        #expect(whole.manifest.logicalDigest == cut.manifest.logicalDigest)
    }

    /// Seeded rows with everything that delimited text must quote.
    @Test(arguments: 0..<20) func randomRowsAreTheSameInEveryText(seed: Int) throws {
        let place = try MappedPlace()
        var generator = SplitMix64(seed: UInt64(seed))
        let pieces = ["a", "b c", "\"", ",", ";", "|", "é", "東", "\n", "'", "\\", "  ", "0", "{", "["]
        func text(_ prefix: String) -> String {
            prefix
                + (0..<Int(generator.next(below: 6))).map { _ in
                    pieces[Int(generator.next(below: UInt64(pieces.count)))]
                }
                .joined()
        }
        let rows = (0..<40).map { number in
            (text("q\(number % 13) "), text("p"), generator.next(below: 3) == 0 ? "" : text("n"))
        }
        func quoted(_ text: String) -> String { "\"" + text.replacing("\"", with: "\"\"") + "\"" }
        for (name, delimiter) in [("a.csv", ","), ("b.csv", ";"), ("c.tsv", "\t"), ("d.csv", "|")] {
            try place.write(
                [["query", "positive", "negative"].joined(separator: delimiter)]
                    + rows.map { [$0.0, $0.1, $0.2].map(quoted).joined(separator: delimiter) }, to: name)
        }
        func json(_ row: (String, String, String)) -> String {
            let object: JSONValue = ["query": .string(row.0), "positive": .string(row.1), "negative": .string(row.2)]
            return String(decoding: object.canonical(), as: UTF8.self)
        }
        try place.write(rows.map(json), to: "e.jsonl")
        try place.folder.write("[" + rows.map(json).joined(separator: ",\n") + "]", to: "f.json")
        let options = RowOptions(query: "query", positive: ["positive"], negative: ["negative"])
        let digests = try ["a.csv", "b.csv", "c.tsv", "d.csv", "e.jsonl", "f.json"].map {
            try place.take([place($0)], options).dataset.manifest.logicalDigest
        }
        #expect(Set(digests).count == 1)
    }

    @Test func tablesOfTabsMayHaveQuotesThatNeverEnd() throws {
        let place = try MappedPlace()
        try place.write(["query\tpassage", "what\t\"a lone quote", "who\tthe \"other\""], to: "a.tsv")
        let (dataset, _) = try place.take([place("a.tsv")], RowOptions(query: "query", positive: ["passage"]))
        #expect(try place.texts(dataset, dataset.positives) == ["what": ["\"a lone quote"], "who": ["the \"other\""]])
    }

    @Test func columnsAreNamedWhereNoHeaderDoes() throws {
        let place = try MappedPlace()
        try place.write(["what,this", "who,that"], to: "a.csv")
        var reading = RowReading()
        reading.columns = ["q", "p"]
        let (dataset, _) = try place.take([place("a.csv")], RowOptions(query: "q", positive: ["p"]), reading)
        #expect(try place.texts(dataset, dataset.positives) == ["what": ["this"], "who": ["that"]])
    }

    @Test func foldersOfSplitsWantOneNamed() throws {
        let place = try MappedPlace.withGoldenTables()
        let folder = place("formats/rows1/dict")
        #expect(place.message([folder], Self.options).contains("holds the splits train, test"))
        var reading = RowReading()
        reading.split = "validation"
        #expect(place.message([folder], Self.options, reading).contains("has no split \"validation\""))
        reading.split = "test"
        #expect(try place.take([folder], Self.options, reading).report.positiveCount == 5)
        #expect(place.message([place("formats/rows1/saved")], Self.options, reading).contains("is one split"))
        #expect(
            place.message([place("formats/rows1/pandas.csv")], Self.options, reading).contains("only files are named"))
    }

    @Test func savedFoldersCannotNameFilesElsewhere() throws {
        let place = try MappedPlace()
        try place.folder.write(#"{"_data_files":[{"filename":"../secret.arrow"}]}"#, to: "saved/state.json")
        try place.folder.write(#"{"splits":["../../etc"]}"#, to: "dict/dataset_dict.json")
        #expect(place.message([place("saved")], Self.options).contains("no name of a file"))
        #expect(place.message([place("dict")], Self.options).contains("no name of a file"))
    }

    @Test func arrowFilesThatAreCutOffAreRefused() throws {
        let place = try MappedPlace.withGoldenTables()
        let options = Self.options
        for name in ["file.arrow", "polars.arrow", "pyarrow.feather", "stream.arrow"] {
            let bytes = try Files.readAll(place("formats/rows1/\(name)"))
            for count in stride(from: 8, to: bytes.count, by: max(1, bytes.count / 60)) {
                try place.folder.write(Array(bytes[..<count]), to: "cut.arrow")
                #expect(place.message([place("cut.arrow")], options) != "no error", "\(name): \(count) bytes")
            }
        }
    }

    /// Excel's "Unicode Text", and tables of old Macs.
    @Test func otherTextsAreNamedWithTheirWayOut() throws {
        let place = try MappedPlace()
        let text = "question,passage\nq1,p1\nq2,p2\n"
        for (mark, isBig) in [([0xFF, 0xFE], false), ([0xFE, 0xFF], true), ([], false)] as [([UInt8], Bool)] {
            let bytes = text.utf16.flatMap {
                isBig ? [UInt8($0 >> 8), UInt8($0 & 0xFF)] : [UInt8($0 & 0xFF), UInt8($0 >> 8)]
            }
            try place.folder.write(mark + bytes, to: "u16.csv")
            #expect(place.message([place("u16.csv")], Self.options).contains("iconv -f UTF-16"))
        }
        for text in [text, #"{"question":"q","passage":"p"}"# + "\n" + #"{"question":"r","passage":"s"}"# + "\n"] {
            try place.folder.write(text.replacing("\n", with: "\r"), to: "mac")
            #expect(place.message([place("mac")], Self.options).contains(#"tr '\r' '\n'"#))
        }
    }

    @Test func pipesAreNotReadTwice() throws {
        let place = try MappedPlace()
        #expect(place.message(["-"], Self.options).contains("standard input"))
        let script = "mkfifo \(place("pipe").string)"
        #expect(try runShell(script).status == 0)
        #expect(place.message([place("pipe")], Self.options).contains("no regular file"))
    }

    /// With linear searches for names, tables like this cost minutes.
    @Test(arguments: ["csv", "jsonl"])
    func columnsAreFoundAtOnce(format: String) throws {
        let place = try MappedPlace()
        let count = 50_000
        if format == "csv" {
            let names = (0..<count).map { "c\($0)" }.joined(separator: ",")
            let values = Array(repeating: "x", count: count).joined(separator: ",")
            try place.write(["question,passage," + names, "q,p," + values, "r,s," + values], to: "wide.csv")
        } else {
            let fields = (0..<count).map { "\"c\($0)\":\"x\"" }.joined(separator: ",")
            try place.write(
                [
                    "{\"question\":\"q\",\"passage\":\"p\",\(fields)}",
                    "{\"question\":\"r\",\"passage\":\"s\",\(fields)}",
                ],
                to: "wide.jsonl")
        }
        let file = place("wide.\(format)")
        let plan = try RowPlan([file], RowOptions())
        #expect(plan.options.query == ["question"] && plan.options.positives.texts == ["passage"])
        #expect(plan.text(dataset: nil).contains("c\(count - 1)"))
        #expect(try place.take([file], plan.options).dataset.queryCount == 2)
        var kept = plan.options
        kept.keep = ["c*"]
        let (dataset, _) = try place.take([file], kept, as: "kept")
        #expect(try place.query(dataset, 1)["c\(count - 1)"]?.string == "x")
        let negatives = RowOptions(query: "question", positive: ["passage"], negative: ["c*"])
        #expect(try place.take([file], negatives, as: "negatives").dataset.documentCount == 3)
        var documents = CorpusOptions()
        (documents.text, documents.keep) = ("passage", ["c*"])
        let source = try CorpusPlan([file], documents).source(pixelLimit: 1, workers: 1).source
        _ = try Conversions.source(source, into: place.store, reference: "documents", options: IngestOptions())
        #expect(try place.store.dataset("documents").documentCount == 2)
    }
}
