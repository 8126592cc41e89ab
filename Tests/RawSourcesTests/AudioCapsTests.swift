import Archives
import Store
import Base
import Ingest
import JSON
import RawSources
import SystemPackage
import TestKit
import Testing

/// AudioCaps: captions as CSV with files of sound, and as Parquet.
@Suite struct AudioCapsTests {
    let place: SourcePlace
    var folder: TemporaryFolder { place.folder }

    private static let header = "audiocap_id,youtube_id,start_time,caption\n"

    init() throws {
        place = try SourcePlace()
        try folder.write(
            Self.header + "1,aaa,30,A dog barks\n2,-bb_,0,\"Wind, and \"\"rain\"\"\nall day\"\n", to: "raw/train.csv")
        try folder.write(
            Self.header + "11,ccc,5,One\n12,ccc,5,Two\n13,ddd,10,Three\n", to: "raw/test.csv")
    }

    private func sound(_ name: String) -> [UInt8] { Array("RIFF\u{10}\u{0}\u{0}\u{0}WAVE".utf8) + Array(name.utf8) }

    private func write(_ names: [String], to path: String = "raw/audio") throws {
        for name in names { try folder.write(sound(name), to: "\(path)/\(name).wav") }
    }

    @Test func aClipIsADocumentAndACaptionAQuery() throws {
        try write(["aaa_30", "-bb__0", "ccc_5", "ddd_10"])
        let (dataset, report) = try place.take(.audiocaps([folder("raw")]))
        #expect(dataset.documentCount == 4 && dataset.queryCount == 5)
        let document = try place.document(dataset, "-bb__0")
        #expect(document["youtube_id"]?.string == "-bb_" && document["start_time"]?.string == "0")
        #expect(document["document_audio"]?["format"]?.string == "wav")
        #expect(try place.query(dataset, "2")["query_text"]?.string == "Wind, and \"rain\"\nall day")
        #expect(try place.targets(dataset.positives, dataset) == ["1": ["aaa_30"], "2": ["-bb__0"]])
        #expect(try place.judged(dataset, "train") == ["1": ["aaa_30"], "2": ["-bb__0"]])
        // Captions of one clip ask for one document.
        #expect(try place.judged(dataset, "test") == ["11": ["ccc_5"], "12": ["ccc_5"], "13": ["ddd_10"]])
        #expect(report.sourceCounts == ["files named <youtube_id>_<start_time>": 4])
        #expect(report.inputs.count == 2)
    }

    @Test(arguments: [
        (["aaa", "-bb_", "ccc", "ddd"], "<youtube_id>"),
        (["Yaaa", "Y-bb_", "Yccc", "Yddd"], "Y<youtube_id>"),
        (["Yaaa_30", "Y-bb__0", "Yccc_5", "Yddd_10"], "Y<youtube_id>_<start_time>"),
        (["1", "2", "12", "13"], "<audiocap_id>"),
    ])
    func filesMayBeNamedInManyWays(names: [String], form: String) throws {
        try write(["aaa_30", "-bb__0", "ccc_5", "ddd_10"], to: "plain")
        try write(names)
        let (dataset, report) = try place.take(.audiocaps([folder("raw")]))
        #expect(report.sourceCounts == ["files named \(form)": 4])
        #expect(dataset.documentCount == 4)
        let document = try #require(try dataset.documentOrdinal(id: Array("ccc_5".utf8)))
        let digest = try #require(
            JSONValue.parse(dataset.documentRecord(document), path: "d")["document_audio"]?["digest"]?.string)
        #expect(digest == SHA256Digest.of(sound(names[2])).description)
    }

    @Test func namesThatFitTwoClipsAreErrors() throws {
        try folder.write(Self.header + "21,aaa,50,The same video later\n", to: "raw/val.csv")
        try write(["aaa", "-bb_", "ccc", "ddd"])
        let text = place.message(of: try .audiocaps([folder("raw")]))
        #expect(
            text.contains("aaa.wav: the name fits 2 clips: ") && text.contains("\"aaa_30\"")
                && text.contains("\"aaa_50\""))
    }

    @Test func twoFilesOfAClipAreAnError() throws {
        try write(["aaa_30", "-bb__0", "ccc_5", "ddd_10", "Yccc"])
        let text = place.message(of: try .audiocaps([folder("raw")]))
        #expect(text.contains("a second file of the clip \"ccc_5\""))
        try Files.remove(folder("raw/audio/Yccc.wav"))
        try folder.write(sound("ccc"), to: "raw/audio/ccc_5.mp3")
        #expect(place.message(of: try .audiocaps([folder("raw")])).contains("a second file of the clip \"ccc_5\""))
    }

    @Test func missingClips() throws {
        try write(["aaa_30", "ddd_10", "other"])
        #expect(place.message(of: try .audiocaps([folder("raw")])).contains("2 of 4 clips have no file"))
        let (dataset, report) = try place.take(.audiocaps([folder("raw")], missing: folder("missing.txt")))
        #expect(dataset.documentCount == 2 && dataset.queryCount == 2)
        // In the order of the files' names: test.csv, train.csv.
        #expect(try Files.readText(folder("missing.txt")) == "ccc_5\n-bb__0\n")
        #expect(report.sourceCounts["missing clips"] == 2 && report.sourceCounts["files without annotation"] == 1)
        // A kill or a fault leaves no list.
        try folder.write("", to: "raw/audio/aaa_30.wav")
        try Files.remove(folder("missing.txt"))
        #expect(
            place.message(of: try .audiocaps([folder("raw")], missing: folder("missing.txt"))).contains("empty"))
        #expect(!Files.exists(folder("missing.txt")))
    }

    @Test(arguments: ["zip", "tar", "tar.gz", "folder"]) func theToolTakesWhateverHoldsTheSounds(container: String)
        throws
    {
        try write(["aaa_30", "-bb__0", "ccc_5", "ddd_10"])
        _ = try place.convert(["audiocaps", folder("raw").string], as: "whole")
        var source = folder("raw/audio")
        let names = ["-bb__0", "aaa_30", "ccc_5", "ddd_10"]
        if container == "zip" {
            source = try folder.write(ZipFile(names.map { ("x/\($0).wav", sound($0)) }).bytes, to: "sounds.zip")
        } else if container != "folder" {
            source = folder("sounds.\(container)")
            #expect(try runShell("cd '\(folder("raw"))' && tar -caf '\(source)' --sort=name audio").status == 0)
        }
        _ = try place.convert(
            ["audiocaps", folder("raw/test.csv").string, folder("raw/train.csv").string, source.string], as: "set")
        #expect(
            try place.store.dataset("set").manifest.logicalDigest == place.store.dataset("whole").manifest.logicalDigest
        )
        for name in names { #expect(try place.item("set", name) == sound(name)) }
    }

    @Test func splitsAreTold() throws {
        try write(["aaa_30", "-bb__0", "ccc_5", "ddd_10"])
        let (dataset, _) = try place.take(.audiocaps([folder("raw")], splits: ["test"], positives: ["test"]))
        #expect(dataset.documentCount == 2 && dataset.queryCount == 3)
        #expect(try place.targets(dataset.positives, dataset).count == 3)
        try folder.write(Self.header, to: "raw/captions.csv")
        #expect(place.message(of: try .audiocaps([folder("raw")])).contains("captions.csv does not tell its split"))
    }

    @Test func rowsAtFaultAreNamed() throws {
        try write(["aaa_30"])
        try folder.write(Self.header + "1,aaa,30,x\n2,,30,y\n", to: "raw/train.csv")
        let text = place.message(of: try .audiocaps([folder("raw")]))
        #expect(text.contains("train.csv:3") && text.contains("youtube_id") && text.contains("the id is empty"))
        try folder.write("audiocap_id,youtube_id,caption\n1,aaa,x\n", to: "raw/train.csv")
        #expect(place.message(of: try .audiocaps([folder("raw")])).contains("missing field \"start_time\""))
        try folder.write(Self.header + "1,aaa,30,x\n1,eee,30,y\n", to: "raw/train.csv")
        try write(["eee_30", "ccc_5", "ddd_10"])
        let twice = place.message(of: try .audiocaps([folder("raw")]))
        #expect(twice.contains("query id \"1\" occurs twice"))
    }

    /// The sample's captions as Parquet, made by `make-golden-sources.py`, become what its CSVs and its tar become.
    @Test func parquetIsWhatItsFilesAre() throws {
        let tree = try SourceTree(Golden(file: #filePath)("audiocaps-parquet.tar.zst"))
        for name in tree.names { try folder.write(tree.open(name).readAll(), to: "tables/\(name)") }
        let (tables, report) = try place.take(.audiocaps([folder("tables")]), as: "tables")
        #expect(tables.documentCount == 6 && tables.queryCount == 10 && report.duplicatesMerged == 4)
        #expect(tables.judgements.map(\.split) == ["test", "train"])
        #expect(try place.document(tables, "clip0_30")["audio_length"]?.integer == 8000)
        #expect(try place.document(tables, "clip0_30")["start_time"]?.integer == 30)
        #expect(try place.targets(tables.positives, tables).count == 4)
        #expect(try place.query(tables, "104")["query_text"]?.string == "caption 4")
        for number in 0..<6 {
            let item = try place.item("tables", "clip\(number)_\(30 + number)")
            #expect(item == Array("RIFF".utf8) + [4, 0, 0, 0] + Array("WAVE sound \(number)".utf8))
        }
        let list = folder("missing.txt")
        let test = try place.take(.audiocaps([folder("tables")], splits: ["test"], missing: list), as: "test").0
        #expect(try Files.readText(list) == "")
        #expect(test.documentCount == 2 && test.queryCount == 6)
    }

    @Test(arguments: [1, 2]) func theResultDoesNotDependOnBatches(workers: Int) throws {
        try write(["aaa_30", "-bb__0", "ccc_5", "ddd_10"])
        let whole = try place.take(.audiocaps([folder("raw")]), as: "whole").0
        let small = try place.take(.audiocaps([folder("raw")]), as: "small") {
            $0.workers = workers
            $0.batchByteCount = 1
        }.0
        #expect(small.manifest.logicalDigest == whole.manifest.logicalDigest)
    }

    @Test func helpTeaches() throws {
        let help = try run("tvt-convert", ["audiocaps", "--help"]).outputText
        for word in ["train.csv", "--missing", "<youtube_id>", "Parquet"] { #expect(help.contains(word), "\(word)") }
    }
}
