import Archives
import StoreMaintenance
import Base
import Export
import Ingest
import JSON
import Records
import Store
import StoreFormat
import SystemPackage
import Testing
import TestKit

/// Images, videos and sounds on their way out of the store and back: every item bit by bit, each once.
@Suite struct MediaExportTests {
    let place: Workplace

    init() throws { place = try Workplace() }

    static let png: [UInt8] =
        [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13] + Array("IHDR".utf8)
        + [0, 0, 0, 3, 0, 0, 0, 2, 8, 2, 0, 0, 0]
    static let jpeg: [UInt8] = [0xFF, 0xD8, 0xFF, 0xE0] + (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    static let wav: [UInt8] = Array("RIFF\0\0\0\0WAVE".utf8) + [UInt8](repeating: 7, count: 3000)
    static let unknown: [UInt8] = Array("none that anybody knows".utf8)
    /// More than is kept in memory.
    static let large: [UInt8] = {
        var bytes = [UInt8](repeating: 0, count: MediaItem.largestInMemory + 70_000)
        var random = SplitMix64(seed: 4)
        for position in stride(from: 0, to: bytes.count, by: 97) { bytes[position] = UInt8(random.next() & 0xFF) }
        return bytes
    }()

    static let files = ["a.png": png, "b.jpg": jpeg, "s.wav": wav, "x": unknown]
    static let corpus = [
        #"{"docid":"1","title":"one","document_image":"b.jpg"}"#,
        #"{"docid":"2","document_text":"two","document_image":"b.jpg","document_audio":"s.wav"}"#,
        #"{"docid":"3","document_text":"three","document_image":"https://example.org/3.png"}"#,
        #"{"docid":"4","document_text":"four","document_video":"x","document_image":null}"#,
        #"{"docid":"5","document_text":"five"}"#,
    ]
    static let queries = [
        #"{"query_id":"1","query_image":"a.png","positive_document_ids":["2","1"],"positive_document_scores":[0.5,1]}"#,
        #"{"query_id":"2","query_text":"q","query_image":"b.jpg","negative_document_ids":["3"]}"#,
    ]

    /// A dataset that holds the items of the files.
    func convert(_ files: [String: [UInt8]] = files, _ corpus: [String] = corpus) throws -> Dataset {
        for (name, bytes) in files { try place.folder.write(bytes, to: "assets/\(name)") }
        var options = IngestOptions()
        options.media = MediaIntake(try AssetFolder(place.folder("assets")))
        _ = try Conversions.records(
            queries: [place.write(Self.queries, to: "queries.jsonl")],
            corpus: [place.write(corpus, to: "corpus.jsonl")], into: place.store, reference: "sample",
            options: options)
        return try place.store.dataset("sample")
    }

    func takeBack(_ name: String = "out", workers: Int = 2) throws -> (dataset: Dataset, report: IngestReport) {
        var options = IngestOptions()
        options.workers = workers
        let report = try Conversions.folder(
            place.folder(name), into: place.store, reference: "again", options: options)
        return (try place.store.dataset("again"), report)
    }

    static func items(of dataset: Dataset) throws -> [SHA256Digest: [UInt8]] {
        var items: [SHA256Digest: [UInt8]] = [:]
        for number in 0..<dataset.mediaCount {
            items[try dataset.mediaDigest(number)] = try dataset.withMedia(number) { Array($0) }
        }
        return items
    }

    @Test(arguments: [ExportFormat.v2, .webdataset], [0, 3]) func itemsComeBack(format: ExportFormat, workers: Int)
        throws
    {
        let dataset = try convert()
        #expect(dataset.mediaCount == 4)
        var options = ExportOptions()
        options.workers = workers
        let report = try Conversions.export(dataset, as: format, to: place.folder("out"), options: options)
        #expect(report.omissions.isEmpty)
        #expect(report.mediaItemCount == (format == .v2 ? 4 : 6))
        let (again, read) = try takeBack(workers: workers)
        #expect(again.manifest.logicalDigest == dataset.manifest.logicalDigest)
        #expect(read.exportDifferences == [])
        #expect(try Self.items(of: again) == Self.items(of: dataset))
        #expect(again.manifest.media?.externalCount == 1)
        #expect(try place.store.verify("again", level: .full).findings.isEmpty)
        let names = try SourceTree(place.folder("out")).names
        #expect(report.fileCount == names.count)
        #expect(
            report.writtenBytes == (try names.reduce(0) { $0 + (try Files.size(place.folder("out").appending($1))) }))
        if format == .v2 {
            for (bytes, ending) in [(Self.png, "png"), (Self.jpeg, "jpg"), (Self.wav, "wav"), (Self.unknown, "bin")] {
                let hex = SHA256Digest.of(bytes).hex
                #expect(try Files.readAll(place.folder("out/media/\(hex.prefix(2))/\(hex).\(ending)")) == bytes)
            }
        } else {
            let tar = try MemberReader(place.folder("out/corpus-000000.tar"))
            var members: [String] = []
            while let name = try tar.next() { members.append(name) }
            #expect(
                members == [
                    "000000000.json", "000000000.image.jpg", "000000001.json", "000000001.image.jpg",
                    "000000001.audio.wav", "000000002.json", "000000003.json", "000000003.video.bin", "000000004.json",
                ])
        }
    }

    /// Items that do not fit in memory go through files without a name.
    @Test(arguments: [ExportFormat.v2, .webdataset]) func largeItemsComeBack(format: ExportFormat) throws {
        let dataset = try convert(
            ["l.bin": Self.large, "a.png": Self.png, "b.jpg": Self.jpeg],
            [#"{"docid":"1","document_video":"l.bin"}"#, #"{"docid":"2","document_text":"x"}"#, Self.corpus[2]])
        _ = try Conversions.export(dataset, as: format, to: place.folder("out"))
        let again = try takeBack().dataset
        #expect(again.manifest.logicalDigest == dataset.manifest.logicalDigest)
        #expect(try Self.items(of: again) == Self.items(of: dataset))
        // The same as a sample of others: the reference is made here.
        guard format == .webdataset else { return }
        let tar = try TarWriter(place.folder("l.tar"))
        try Array(#"{"docid":"1"}"#.utf8).withUnsafeBytes { try tar.append("1.json", $0) }
        try Self.large.withUnsafeBytes { try tar.append("1.mp4", $0) }
        try tar.commit()
        _ = try Conversions.samples([place.folder("l.tar")], into: place.store, reference: "others")
        let others = try place.store.dataset("others")
        #expect(try others.documentRecord(0) == dataset.documentRecord(0))
        #expect(try others.withMedia(SHA256Digest.of(Self.large)) { Array($0) == Self.large } == true)
    }

    /// Records keep their digests, and the items are counted as elsewhere.
    @Test(arguments: ExportFormat.allCases) func itemsCanBeLeftOut(format: ExportFormat) throws {
        let dataset = try convert()
        let result = try run(
            "tvt-store",
            [
                "export", "sample", "--format", format.rawValue, "--output", "out", "--no-media", "--json", "--store",
                place.store.root.string,
            ], workingFolder: place.folder.path)
        #expect(result.status == 0, "\(result.errorText)")
        #expect(try JSONValue.parse(result.output, path: "stdout")["omitted"]?["media"] == 4)
        #expect(result.errorText.contains("--no-media: 4 items are not written"))
        #expect(!Files.exists(place.folder("out/media")))
        let (again, report) = try takeBack()
        #expect(again.mediaCount == 0 && again.manifest.media?.externalCount == 7)
        #expect(try place.store.verify("again", level: .full).findings.isEmpty)
        guard format != .beir else { return }
        #expect(again.manifest.logicalDigest == dataset.manifest.logicalDigest)
        #expect(report.exportDifferences == [])
    }

    /// BEIR's readers expect no items: its references stay.
    @Test func beirKeepsReferences() throws {
        let dataset = try convert()
        let report = try Conversions.export(dataset, as: .beir, to: place.folder("out"))
        #expect(report.omissions.map(\.name) == ["media", "positives", "negatives", "texts"])
        let again = try takeBack().dataset
        #expect(try again.document(1) == dataset.document(1))
    }

    @Test func wrongBytesAreAnError() throws {
        let dataset = try convert()
        _ = try Conversions.export(dataset, as: .v2, to: place.folder("out"))
        let hex = SHA256Digest.of(Self.wav).hex
        let path = "out/media/\(hex.prefix(2))/\(hex).wav"
        for wrong in [Self.wav.dropLast() + [8], Array(Self.wav.dropLast()), Self.wav + [7]] {
            try place.folder.write(Array(wrong), to: path)
            let error = #expect(throws: InputError.self) { try takeBack() }
            #expect(error?.place.line == 2 && error?.place.field == "document_audio", "\(error as Any)")
            #expect(error?.reason.contains(hex + ".wav is not what the record says") == true, "\(error as Any)")
        }
        // A file that is gone is counted, and said.
        try Files.remove(place.folder(path))
        let (again, report) = try takeBack()
        #expect(again.mediaCount == 3 && again.manifest.media?.externalCount == 2)
        #expect(report.exportDifferences?.count == 1 && report.exportDifferences?[0].contains("media") == true)
        #expect(again.manifest.logicalDigest == dataset.manifest.logicalDigest)
    }

    @Test func wrongBytesInATarAreAnError() throws {
        _ = try Conversions.export(convert(), as: .webdataset, to: place.folder("out"))
        let path = place.folder("out/corpus-000000.tar")
        let whole = try Files.readAll(path)
        let start = try #require(whole.indices.first { whole[$0...].starts(with: Array("RIFF".utf8)) })
        var wrong = whole
        wrong[start + 100] ^= 1
        try place.folder.write(wrong, to: "out/corpus-000000.tar")
        let error = #expect(throws: InputError.self) { try takeBack() }
        #expect(error?.place.path.hasSuffix("corpus-000000.tar/000000001.json") == true, "\(error as Any)")
        #expect(error?.place.field == "document_audio")
    }

    // MARK: - Samples of others

    func tar(_ members: [(String, [UInt8])]) throws -> FilePath {
        let writer = try TarWriter(place.folder("x.tar"))
        for (name, bytes) in members { try bytes.withUnsafeBytes { try writer.append(name, $0) } }
        try writer.commit()
        return place.folder("x.tar")
    }

    @Test func itemsOfOthersAreTaken() throws {
        let path = try tar([
            ("a/1.png", Self.png), ("a/1.txt", Array("one".utf8)), ("a/2.JPG", Self.jpeg), ("3.wav", Self.wav),
            ("3.video.unheard-of", Self.unknown), ("3.json", Array(#"{"title":"T"}"#.utf8)), ("4.png", Self.png),
        ])
        _ = try Conversions.samples([path], into: place.store, reference: "sample")
        let dataset = try place.store.dataset("sample")
        func reference(_ bytes: [UInt8], _ rest: String) -> String {
            #"{"digest":"\#(SHA256Digest.of(bytes))","size":\#(bytes.count)\#(rest)}"#
        }
        let png = reference(Self.png, #","format":"png","width":3,"height":2"#)
        let jpeg = reference(Self.jpeg, #","format":"jpeg""#)
        #expect(
            try dataset.documentLines == [
                #"{"docid":"a/1","document_text":"one","document_image":\#(png)}"#,
                #"{"docid":"a/2","document_image":\#(jpeg)}"#,
                #"{"docid":"3","title":"T","document_video":\#(reference(Self.unknown, "")),"document_audio":"#
                    + #"\#(reference(Self.wav, #","format":"wav""#))}"#, #"{"docid":"4","document_image":\#(png)}"#,
            ])
        #expect(dataset.mediaCount == 4)
        #expect(Set(try Self.items(of: dataset).values) == [Self.png, Self.jpeg, Self.wav, Self.unknown])
        #expect(try place.store.verify("sample", level: .full).findings.isEmpty)
    }

    @Test(arguments: [
        ([("1.png", Self.png), ("1.jpg", Self.jpeg)], "1.jpg", "the sample has two members with image"),
        ([("1.png", [])], "1.png", "the member is empty"),
        ([("1.png", Self.png), ("1.json", Array(#"{"image":"1.png"}"#.utf8))], "1.png", "names its image otherwise"),
        ([("1.text.png", Self.png)], "1.text.png", "have no place in a record"),
        (
            [
                ("1.png", Self.png),
                ("1.json", Array(#"{"image":{"digest":"sha256:\#(SHA256Digest.of(Self.jpeg).hex)"}}"#.utf8)),
            ],
            "1.json", "the item is not what the record says"
        ),
    ])
    func itemsThatHaveNoPlace(members: [(String, [UInt8])], name: String, reason: String) throws {
        let path = try tar(members)
        let error = #expect(throws: InputError.self) {
            try Conversions.samples([path], into: place.store, reference: "sample")
        }
        #expect(error?.place.path.hasSuffix(name) == true && error?.reason.contains(reason) == true, "\(error as Any)")
        #expect(try place.nothingIsCommitted())
    }
}
