import Base
import Glibc
import StoreMaintenance
import Ingest
import Records
import Store
import SystemPackage
import TestKit
import Testing

/// `--assets`: names in records become digests, and their files items of the store.
@Suite struct MediaIntakeTests {
    let place: Workplace
    let red: [UInt8]
    let blue: [UInt8]

    init() throws {
        place = try Workplace()
        red = Self.png(width: 30, height: 20, seed: 1)
        blue = Self.png(width: 7, height: 9, seed: 2)
        try place.folder.write(red, to: "assets/a/red.png")
        try place.folder.write(red, to: "assets/again.png")
        try place.folder.write(blue, to: "assets/blue.png")
        try place.folder.write("RIFF....WAVEfmt and some sound", to: "assets/sound.wav")
    }

    /// The head of a PNG, and noise.
    static func png(width: UInt8, height: UInt8, seed: UInt64, byteCount: Int = 2000) -> [UInt8] {
        var random = SplitMix64(seed: seed)
        return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13] + Array("IHDR".utf8)
            + [0, 0, 0, width, 0, 0, 0, height, 8, 2, 0, 0, 0]
            + (0..<byteCount).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }

    func options(_ names: Bool = false, folder: String = "assets") throws -> IngestOptions {
        var options = IngestOptions()
        options.media = MediaIntake(try AssetFolder(place.folder(folder)), keepsNames: names)
        return options
    }

    @discardableResult
    func convert(
        _ corpus: [String], queries: [String] = [#"{"query_id":"1","query_text":"x"}"#], options: IngestOptions,
        as reference: String = "sample"
    ) throws -> (dataset: Dataset, report: IngestReport) {
        let report = try Conversions.records(
            queries: [place.write(queries, to: "queries.jsonl")], corpus: [place.write(corpus, to: "corpus.jsonl")],
            into: place.store, reference: reference, options: options)
        return (try place.store.dataset(reference), report)
    }

    @Test func namesBecomeDigests() throws {
        let (dataset, report) = try convert(
            [
                #"{"docid":"1","document_image":"a/red.png"}"#, #"{"docid":"2","image":"./again.png","k":1}"#,
                #"{"docid":"3","document_image":"a/../blue.png","document_audio":"sound.wav"}"#,
                #"{"docid":"4","document_image":"https://example.org/x.png","document_text":"t"}"#,
            ], queries: [#"{"query_id":"1","query_image":"blue.png"}"#], options: options())
        let redJSON =
            #"{"digest":"\#(SHA256Digest.of(red))","size":\#(red.count),"format":"png","width":30,"height":20}"#
        let blueJSON =
            #"{"digest":"\#(SHA256Digest.of(blue))","size":\#(blue.count),"format":"png","width":7,"height":9}"#
        let lines = try dataset.documentLines
        #expect(lines[0] == #"{"docid":"1","document_image":\#(redJSON)}"#)
        #expect(lines[1] == #"{"docid":"2","document_image":\#(redJSON),"k":1}"#)
        #expect(lines[2].hasPrefix(#"{"docid":"3","document_image":\#(blueJSON),"document_audio":{"digest":"sha256:"#))
        #expect(lines[2].hasSuffix(#","size":30,"format":"wav"}}"#))
        #expect(lines[3] == #"{"docid":"4","document_text":"t","document_image":"https://example.org/x.png"}"#)
        #expect(try dataset.queryLines == [#"{"query_id":"1","query_image":\#(blueJSON)}"#])
        #expect(try dataset.withMedia(.of(red)) { Array($0) } == red)
        #expect(try dataset.withMedia(.of(blue)) { Array($0) } == blue)
        let media = try #require(dataset.manifest.media)
        #expect(media.countByKind == [.image: 2, .audio: 1])
        #expect(media.externalCount == 1)
        #expect(report.mediaItemCount == 3 && report.mediaReferenceCount == 6 && report.externalMediaCount == 1)
        #expect(report.mediaBytes == red.count + blue.count + 30)
        #expect(try place.store.verify(level: .full).findings.isEmpty)
    }

    /// Equal images under two names are one content, unless the names are to be kept.
    @Test func namesAreKeptOnDemand() throws {
        let corpus = [
            #"{"docid":"1","document_image":"a/red.png"}"#, #"{"docid":"2","document_image":"again.png"}"#,
        ]
        let plain = try convert(corpus, options: options()).dataset
        #expect(try plain.documentContentHash(0) == plain.documentContentHash(1))
        let named = try convert(corpus, options: options(true)).dataset
        #expect(try named.documentContentHash(0) != named.documentContentHash(1))
        #expect(try named.document(1).image?.item?.name == "again.png")
        #expect(named.manifest.media?.shards == plain.manifest.media?.shards)
    }

    @Test func withoutAssetsReferencesStayAndAreCounted() throws {
        let corpus = [#"{"docid":"1","document_image":"a/red.png"}"#, #"{"docid":"2","document_video":{"uri":"x"}}"#]
        let (dataset, report) = try convert(corpus, options: IngestOptions())
        #expect(try dataset.documentLines == corpus)
        #expect(report.externalMediaCount == 2 && report.mediaItemCount == 0)
        #expect(dataset.manifest.media?.externalCount == 2)
        #expect(report.summary.contains("2 references to others"))
        #expect(try place.store.verify(level: .full).findings.isEmpty)
    }

    /// As the library `datasets` has files of media.
    @Test func structuresOfPathsNameFiles() throws {
        let corpus = [
            #"{"docid":"1","document_image":{"bytes":null,"path":"a/red.png"}}"#,
            #"{"docid":"2","document_image":{"path":"blue.png"}}"#,
            #"{"docid":"3","document_image":{"path":"https://example.org/x.png"}}"#,
        ]
        let (dataset, report) = try convert(corpus, options: options())
        #expect(report.mediaItemCount == 2 && report.externalMediaCount == 1)
        #expect(try dataset.document(0).image?.digest == .of(red))
        #expect(try dataset.document(1).image?.item?.name == nil)
        let named = try convert(corpus, options: options(true)).dataset
        #expect(try named.document(1).image?.item?.name == "blue.png")
    }

    /// What a dataset has not got is said once, by what it is.
    @Test func mediaThatStayOutsideAreSaid() throws {
        let corpus = [
            #"{"docid":"1","document_image":"a/red.png"}"#, #"{"docid":"2","document_image":"blue.png"}"#,
            #"{"docid":"3","document_image":"https://example.org/x.png"}"#,
            #"{"docid":"4","document_image":"data:image/png;base64,iVBORw0KGgo="}"#,
            #"{"docid":"5","document_image":{"digest":"\#(SHA256Digest.of([1]))","size":1}}"#,
            #"{"docid":"6","document_video":{"uri":"x"}}"#,
        ]
        try place.write(corpus, to: "c.jsonl")
        let plain = try place.tool(["v2", "--corpus", "c.jsonl", "--dataset", "x"])
        #expect(plain.status == 0, "\(plain.errorText)")
        for words in [
            "media that stay outside of the store: 2 names of files (--assets DIR", "1 address (nothing",
            "1 data: URI (",
            "1 digest without an item", "1 object without a digest",
        ] {
            #expect(plain.errorText.contains(words), "\(plain.errorText)")
        }
        let taken = try place.tool(["v2", "--corpus", "c.jsonl", "--dataset", "x", "--assets", "assets"])
        #expect(taken.status == 0, "\(taken.errorText)")
        #expect(taken.errorText.contains("1 data: URI (") && !taken.errorText.contains("names of files"))
        let checked = try run(
            "tvt-convert", ["check", "v2", "--corpus", "c.jsonl"], workingFolder: place.folder.path)
        #expect(
            checked.status == 0 && checked.outputText.contains("media outside of the store (warning): 5"),
            "\(checked.outputText)")
    }

    /// A link may lead anywhere, as `..` may.
    @Test func linksThatLeadOutAreFaults() throws {
        try place.folder.write(red, to: "secret/red.png")
        let links = [
            ("assets/out.png", "../secret/red.png"), ("assets/folder", "../secret"), ("assets/in.png", "blue.png"),
        ]
        for (link, target) in links {
            #expect(symlink(target, place.folder(link).string) == 0)
        }
        for name in ["out.png", "folder/red.png"] {
            let error = #expect(throws: InputError.self) {
                try convert([#"{"docid":"1","document_image":"\#(name)"}"#], options: options())
            }
            #expect(error?.description.contains("symbolic link that leads out of") == true, "\(error as Any)")
        }
        let (dataset, _) = try convert([#"{"docid":"1","document_image":"in.png"}"#], options: options())
        #expect(try dataset.document(0).image?.digest == .of(blue))
        // The folder itself may be behind one, and the Hub's cache is made of them.
        #expect(symlink("assets", place.folder("link").string) == 0)
        #expect(
            try convert([#"{"docid":"1","document_image":"blue.png"}"#], options: options(folder: "link")).report
                .mediaItemCount == 1)
        try place.folder.write(red, to: "datasets--o--n/blobs/abc")
        try Files.makeDirectory(place.folder("datasets--o--n/snapshots/1/images"))
        #expect(
            symlink("../../../blobs/abc", place.folder("datasets--o--n/snapshots/1/images/red.png").string) == 0)
        let hub = try options(folder: "datasets--o--n/snapshots/1")
        #expect(
            try convert([#"{"docid":"1","document_image":"images/red.png"}"#], options: hub).report.mediaItemCount == 1)
    }

    @Test func whatIsNoFileIsCalledSo() throws {
        #expect(mkfifo(place.folder("assets/pipe.png").string, 0o600) == 0)
        let error = #expect(throws: InputError.self) {
            try convert([#"{"docid":"1","document_image":"pipe.png"}"#], options: options())
        }
        #expect(error?.description.contains("pipe.png is a pipe, a socket or a device") == true, "\(error as Any)")
    }

    /// What a record must not say, and what the message names besides file and line.
    static let faults: [(value: String, words: [String])] = [
        (#""/etc/passwd""#, ["lies outside", "/etc/passwd"]), (#""a/../../x.png""#, ["lies outside"]),
        (#""missing.png""#, ["missing.png", "No such file"]), (#""a""#, ["a: cannot read"]),
        (#""empty.png""#, ["empty.png is empty"]), (#""""#, ["is no path"]), (#""a\u0000b""#, ["is no path"]),
    ]

    @Test(arguments: faults.indices) func badNamesAreBadRecords(index: Int) throws {
        try place.folder.write([UInt8](), to: "assets/empty.png")
        let (value, words) = Self.faults[index]
        let corpus = [#"{"docid":"1","document_image":"blue.png"}"#, #"{"docid":"2","document_image":\#(value)}"#]
        let error = #expect(throws: InputError.self) { try convert(corpus, options: options()) }
        for word in words + ["corpus.jsonl:2 (byte 42)", #"field "document_image""#] {
            #expect(error?.description.contains(word) == true, "\(error?.description ?? "") without \(word)")
        }
        var lenient = try options()
        lenient.badRecordLimit = 1
        lenient.rejects = place.folder("rejects")
        let (dataset, report) = try convert(corpus, options: lenient)
        #expect(report.rejectCount == 1)
        #expect(dataset.documentCount == 1)
        #expect(try Files.readText(place.folder("rejects")) == corpus[1] + "\n")
    }

    /// A row that is left out for another reason leaves no item.
    @Test func rejectedRecordsLeaveNoItems() throws {
        var lenient = try options()
        lenient.badRecordLimit = 1
        lenient.rejects = place.folder("rejects")
        let (dataset, report) = try convert(
            [#"{"docid":"1","document_text":"one"}"#, #"{"docid":"1","document_image":"blue.png"}"#], options: lenient)
        #expect(report.rejectCount == 1)
        #expect(dataset.mediaCount == 0)
    }

    /// An export lays its items out by digest; one without media keeps its references.
    @Test func digestsAreLookedUp() throws {
        let hex = SHA256Digest.of(red).hex
        try place.folder.write(red, to: "export/media/\(hex.prefix(2))/\(hex).png")
        let object =
            #"{"digest":"sha256:\#(hex)","size":\#(red.count),"format":"png","width":30,"height":20,"name":"r.png"}"#
        let absent = #"{"digest":"\#(SHA256Digest.of(blue))","size":5}"#
        let corpus = [
            #"{"docid":"1","document_image":\#(object)}"#, #"{"docid":"2","document_image":\#(absent)}"#,
            #"{"docid":"3","document_image":"sha256:\#(hex)"}"#,
        ]
        let (dataset, report) = try convert(corpus, options: options(folder: "export"))
        let lines = try dataset.documentLines
        #expect(Array(lines[..<2]) == Array(corpus[..<2]))
        #expect(try dataset.document(2).image?.width == 30)
        #expect(report.mediaItemCount == 1 && report.externalMediaCount == 1)
        #expect(try dataset.withMedia(.of(red)) { Array($0) } == red)
        #expect(try place.store.verify(level: .full).findings.isEmpty)
        // Other bytes under its name are noticed.
        try place.folder.write(blue, to: "export/media/\(hex.prefix(2))/\(hex).png")
        let error = #expect(throws: InputError.self) { try convert(corpus, options: options(folder: "export")) }
        #expect(error?.description.contains("is not what the record says") == true)
    }

    @Test func passagesOfRowsHaveMediaToo() throws {
        let row = #"""
            {"query_id":"1","query":"q","positive_passages":[{"docid":"p","title":"t","text":"x","image":"blue.png"}],"negative_passages":[{"title":"","text":"y","image":"a/red.png"}]}
            """#
        let (dataset, report) = try place.convert([row, row.replacing("\"1\"", with: "\"2\"")], options: options())
        #expect(report.mediaItemCount == 2 && dataset.documentCount == 2)
        #expect(try dataset.document(0).image?.digest == .of(blue))
        #expect(try dataset.document(1).image?.digest == .of(red))
        let fault = row.replacing("blue.png", with: "gone.png")
        let error = #expect(throws: InputError.self) { try place.convert([fault], options: options()) }
        #expect(error?.place.field == "positive_passages[0].document_image")
    }

    /// The version depends on the input alone: not on workers, batches, or how much of the files was kept in memory.
    @Test func theResultIsTheSameWhateverTheWorkers() throws {
        var corpus: [String] = []
        for number in 0..<300 {
            let size = number % 40 == 0 ? 3 << 20 : 500 + number
            let bytes = Self.png(width: 1, height: UInt8(number % 200 + 1), seed: UInt64(number % 250), byteCount: size)
            try place.folder.write(bytes, to: "assets/many/\(number).png")
            corpus.append(#"{"docid":"\#(number)","document_image":"many/\#(number).png"}"#)
        }
        var digests: Set<SHA256Digest> = []
        for (workers, batch) in [(1, 1 << 20), (2, 1 << 20), (5, 900)] {
            var options = try options()
            options.workers = workers
            options.batchByteCount = batch
            digests.insert(try convert(corpus, options: options).dataset.digest)
        }
        #expect(digests.count == 1)
    }

    @Test func theToolTakesAssets() throws {
        let corpus = try place.write([#"{"docid":"1","document_image":"blue.png"}"#], to: "c.jsonl")
        let queries = try place.write([#"{"query_id":"1","query_text":"x"}"#], to: "q.jsonl")
        func run(_ more: [String]) throws -> ToolResult {
            try TestKit.run(
                "tvt-convert",
                [
                    "v2", "--corpus", corpus.string, "--queries", queries.string, "--dataset", "tool", "--store",
                    place.store.root.string,
                ] + more)
        }
        let result = try run(["--assets", place.folder("assets").string, "--media-names"])
        #expect(result.status == 0, "\(result.errorText)")
        #expect(result.outputText.contains("1 item,"))
        #expect(try place.store.dataset("tool").document(0).image?.item?.name == "blue.png")
        #expect(try run(["--media-names"]).status == 64)
        #expect(try run(["--assets", place.folder("nowhere").string]).status == 66)
    }
}
