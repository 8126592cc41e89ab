import Archives
import Base
import Ingest
import JSON
import RawSources
import Store
import SystemPackage
import TestKit
import Testing

/// What tables have that JSON Lines have not: ids that are whole numbers, UUIDs, columns without a place, images by path.
@Suite struct TableTests {
    let place: SourcePlace

    init() throws {
        place = try SourcePlace()
        let tree = try SourceTree(Golden(file: #filePath)("tables.tar.zst"))
        for name in tree.names { try place.folder.write(tree.open(name).readAll(), to: name) }
    }

    private func tevatron(
        _ corpus: String, queries: String? = nil, badRecords: Int = 0
    ) throws -> (dataset: Dataset, report: IngestReport) {
        var options = IngestOptions()
        options.badRecordLimit = badRecords
        if badRecords > 0 { options.rejects = place("rejects") }
        let report = try Conversions.tevatron(
            queries: queries.map { [place($0)] } ?? [], corpus: [place(corpus)], into: place.store, reference: "set",
            options: options)
        return (try place.store.dataset("set"), report)
    }

    @Test(arguments: [
        ("int8", "127"), ("uint8", "255"), ("int16", "32767"), ("uint16", "65535"), ("int32", "2147483647"),
        ("uint32", "4294967295"), ("int64", "9223372036854775807"), ("uint64", "18446744073709551615"),
        ("decimal", "10000000000000000000"),
    ]) func wholeNumbersOfEveryTypeAreIDs(type: String, most: String) throws {
        let (dataset, _) = try tevatron("ids/\(type)/corpus.parquet", queries: "ids/\(type)/queries.parquet")
        #expect(try place.document(dataset, most)["document_text"]?.string == "most")
        #expect(try place.targets(dataset.positives, dataset) == ["1": [most]])
    }

    @Test func numbersThatAreNoIDsStayNumbers() throws {
        let (dataset, _) = try tevatron("uuid.parquet")
        #expect(try place.document(dataset, 1)["n"]?.integer == 2)
    }

    @Test func uuidsAreTextsAndOtherBinaryColumnsAreLeftOutByName() throws {
        let (dataset, report) = try tevatron("uuid.parquet")
        #expect(
            try place.document(dataset, "00000000-0000-0000-0000-000000000001")
                == [
                    "docid": "00000000-0000-0000-0000-000000000001", "document_text": "one", "n": 1,
                ])
        #expect(report.warningCounts == [.leftOutColumn: 1])
        let check = try run("tvt-convert", ["check", "tevatron", "--corpus", place("uuid.parquet").string])
        #expect(check.status == 0 && check.outputText.contains("column \"embedding\": 1 binary values"))
    }

    @Test func aRowThatJSONCannotSayIsABadRecord() throws {
        let error = #expect(throws: InputError.self) { _ = try tevatron("infinite.parquet") }
        #expect(error?.place.line == 2 && error?.place.field == "score")
        let (dataset, report) = try tevatron("infinite.parquet", badRecords: 1)
        #expect(dataset.documentCount == 2 && report.rejectCount == 1)
        #expect(try Files.readText(place("rejects.reasons")).contains("infinite.parquet:2"))
    }

    // MARK: - Images by path

    @Test(arguments: ["pixmo", "colpali"]) func aColumnOfPathsWithoutFilesIsRefused(name: String) throws {
        for table in name == "pixmo" ? ["pixmo"] : ["colpali", "texts"] {
            let path = place("paths/\(table).parquet")
            let error = #expect(throws: InputError.self) {
                _ = try place.take(name == "pixmo" ? .pixmo([path]) : .colpali([path]))
            }
            #expect(error?.place.path == path.string && error?.advice?.contains("--assets") == true)
            let check = try run("tvt-convert", ["check", name, path.string])
            #expect(check.status == 65 && check.outputText.contains("no row of the column has bytes"))
        }
    }

    @Test func filesBesideTheTableAreItsImages() throws {
        for name in ["a", "b"] {
            try place.folder.write(Files.readAll(place("beside/m/\(name).png")), to: "paths/m/\(name).png")
        }
        let (pixmo, _) = try place.take(.pixmo([place("paths/pixmo.parquet")]), as: "pixmo")
        #expect(pixmo.mediaCount == 2 && pixmo.manifest.media?.externalCount == 0)
        let (texts, _) = try place.take(.colpali([place("paths/texts.parquet")]), as: "texts")
        #expect(texts.mediaCount == 2 && texts.documentCount == 2)
    }

    @Test func filesOfTheAssetsAreToo() throws {
        let (dataset, _) = try place.take(.pixmo([place("paths/pixmo.parquet")]), assets: place("beside"))
        #expect(dataset.mediaCount == 2)
        try Files.remove(place("beside/m/b.png"))
        #expect(
            place.message(of: try .pixmo([place("paths/pixmo.parquet")]), assets: place("beside")).contains("m/b.png"))
    }

    @Test func addressesStayReferences() throws {
        let (dataset, _) = try tevatron("paths/addresses.parquet")
        #expect(dataset.mediaCount == 0 && dataset.manifest.media?.externalCount == 1)
    }

    // MARK: - Layouts

    @Test func v1RowsInParquet() throws {
        let folder = place("v1")
        let report = try Conversions.v1([folder], into: place.store, reference: "rows")
        let dataset = try place.store.dataset("rows")
        #expect(report.queryCount == 2 && dataset.documentCount == 2)
        #expect(try place.targets(dataset.positives, dataset) == ["7": ["1"], "8": ["2"]])
        // A list that is null is empty; and one row has its positive among its negatives.
        #expect(try place.targets(dataset.negatives, dataset) == ["7": ["2", "1"]])
        #expect(report.sourceCounts == ["rows with a positive among their negatives": 1])
        #expect(try SourceGuess([folder]).arguments == ["v1-to-v2", folder.string])
        let check = try run("tvt-convert", ["check", folder.string])
        #expect(check.status == 0 && check.outputText.contains("rows with a positive among their negatives: 1"))
    }

    @Test func passagesByReferenceNeedACorpus() throws {
        #expect(try SourceGuess([place("references")]).arguments.first == "wiki-ss")
        let check = try run("tvt-convert", ["check", place("references").string])
        #expect(check.status == 64 && check.errorText.contains("this looks like a part of wiki-ss"))
    }

    @Test(arguments: ["beir", "mteb"]) func beirInParquet(name: String) throws {
        let (dataset, report) = try place.take(.beir(place(name), positives: "test"))
        #expect(dataset.documentCount == 2 && dataset.queryCount == 1)
        #expect(try place.document(dataset, "2") == ["docid": "2", "title": "B", "document_text": "two"])
        #expect(try place.judged(dataset, "test") == ["10": ["2"]])
        #expect(try place.targets(dataset.positives, dataset) == ["10": ["2"]])
        #expect(report.warningCounts.isEmpty)
        #expect(try SourceGuess([place(name)]).arguments == ["beir", place(name).string])
    }

    @Test func aTableByAnotherNameIsATable() throws {
        try Files.rename(place("uuid.parquet"), to: place("uuid.data"))
        #expect(try tevatron("uuid.data").dataset.documentCount == 2)
    }
}
