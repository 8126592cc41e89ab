import Archives
import StoreMaintenance
import Store
import Base
import Ingest
import JSON
import RawSources
import SystemPackage
import TestKit
import Testing

/// MSR-VTT: annotations, lists of splits and videos in whatever holds them.
@Suite struct MSRVTTTests {
    let place: SourcePlace
    var folder: TemporaryFolder { place.folder }

    /// Videos 0 to 5: 0 to 2 train, 3 validate, 4 and 5 test; two sentences each.
    init() throws {
        place = try SourcePlace()
        var (videos, sentences): ([String], [String]) = ([], [])
        for number in 0..<6 {
            let split = number < 3 ? "train" : number == 3 ? "validate" : "test"
            videos.append(
                #"{"category":\#(number % 2),"url":"u\#(number)","video_id":"video\#(number)","start time":1.5,"end time":2,"split":"\#(split)","id":\#(number)}"#
            )
            for said in 0..<2 {
                sentences.append(
                    #"{"caption":"sentence \#(said) of \#(number)","video_id":"video\#(number)","sen_id":\#(number * 2 + said)}"#
                )
            }
        }
        try folder.write(annotations(videos, sentences), to: "raw/MSRVTT_data.json")
    }

    private func annotations(_ videos: [String], _ sentences: [String]) -> String {
        #"{"info":{"year":"2016"},"videos":[\#(videos.joined(separator: ","))],"sentences":["#
            + sentences.joined(separator: ",\n") + "]}"
    }

    private func video(_ number: Int) -> [UInt8] {
        Array("\u{0}\u{0}\u{0}\u{20}ftypisom video number \(number)".utf8) + [UInt8(number), 0xFF, 0x0A, 0x00]
    }

    private func writeVideos(_ numbers: some Sequence<Int> = 0..<6, to path: String = "raw/videos/all") throws {
        for number in numbers { try folder.write(video(number), to: "\(path)/video\(number).mp4") }
    }

    private func writeLists() throws {
        try folder.write("video_id\nvideo0\nvideo1\r\n\nvideo3\n", to: "raw/MSRVTT_train.9k.csv")
        try folder.write(
            "key,vid_key,video_id,sentence\nret0,msr4,video4,sentence 1 of 4\nret1,msr5,video5,\"nobody wrote \"\"this\"\",\nor did\"\n",
            to: "raw/MSRVTT_JSFUSION_test.csv")
        try folder.write("music\t0\nscience/technology\t1\n", to: "raw/category.txt")
    }

    @Test func aVideoIsADocumentAndASentenceAQuery() throws {
        try writeVideos()
        let (dataset, report) = try place.take(.msrvtt([folder("raw")]))
        #expect(dataset.documentCount == 6 && dataset.queryCount == 12 && dataset.mediaCount == 6)
        let document = try place.document(dataset, "video1")
        #expect(document["category"]?.integer == 1 && document["url"]?.string == "u1")
        #expect(document["start time"]?.double == 1.5 && document["split"]?.string == "train")
        #expect(document["document_video"]?["format"]?.string == "mp4")
        let query = try place.query(dataset, "7")
        #expect(query["query_text"]?.string == "sentence 1 of 3" && query["video_id"]?.string == "video3")
        #expect(try place.targets(dataset.positives, dataset).keys.sorted() == ["0", "1", "2", "3", "4", "5"])
        #expect(try place.judged(dataset, "train")["3"] == ["video1"])
        #expect(try place.judged(dataset, "validate") == ["6": ["video3"], "7": ["video3"]])
        #expect(try place.judged(dataset, "test").count == 4)
        #expect(dataset.judgements.map(\.split) == ["test", "train", "validate"])
        // The annotations are inputs, known by their bytes; a folder is none.
        #expect(try report.inputs.map(\.sha256) == [.ofFile(folder("raw/MSRVTT_data.json"))])
        #expect(try place.store.verify("set", level: .full).findings.isEmpty)
    }

    @Test func listsAreSplits() throws {
        try writeVideos()
        try writeLists()
        let (dataset, report) = try place.take(.msrvtt([folder("raw")], positives: ["train-9k"]))
        #expect(try place.document(dataset, "video3")["category"]?.string == "science/technology")
        #expect(
            try place.judged(dataset, "train-9k").keys.sorted() == ["0", "1", "2", "3", "6", "7"])
        #expect(try place.targets(dataset.positives, dataset) == place.judged(dataset, "train-9k"))
        // One sentence a video; one that is no caption is a query of its own.
        #expect(try place.judged(dataset, "test-1k-a") == ["9": ["video4"], "ret1": ["video5"]])
        #expect(try place.query(dataset, "ret1")["query_text"]?.string == "nobody wrote \"this\",\nor did")
        #expect(report.sourceCounts == ["sentences of test-1k-a that are no caption": 1])
        #expect(dataset.queryCount == 13)
        #expect(report.inputs.count == 4)
    }

    @Test func aTestHasACorpusOfItsOwn() throws {
        try writeVideos()
        try writeLists()
        let (dataset, report) = try place.take(.msrvtt([folder("raw")], splits: ["test-1k-a"]))
        #expect(dataset.documentCount == 2 && dataset.queryCount == 2 && dataset.positives == nil)
        #expect(report.sourceCounts["files of other splits"] == 4)
        #expect(report.sourceCounts["captions of other splits"] == 3)
        #expect(dataset.judgements.map(\.split) == ["test-1k-a"])
        let none = place.message(of: try .msrvtt([folder("raw")], splits: ["test-1k-b"]))
        #expect(none.contains("no split \"test-1k-b\"") && none.contains("train-9k"))
    }

    @Test func annotationsMayBeSeveralFiles() throws {
        try writeVideos()
        let whole = try place.take(.msrvtt([folder("raw")]), as: "whole").0
        let data = try JSONValue.parse(Files.readAll(folder("raw/MSRVTT_data.json")), path: "data")
        func part(_ isTest: Bool) -> String {
            let videos = data["videos"]!.array!.filter { ($0["split"]?.string == "test") == isTest }
            let sentences = data["sentences"]!.array!.filter { sentence in
                videos.contains { $0["video_id"]?.string == sentence["video_id"]?.string }
            }
            func line(_ value: JSONValue) -> String { String(decoding: value.canonical(), as: UTF8.self) }
            return annotations(videos.map(line), sentences.map(line))
        }
        let parts = [
            try folder.write(part(false), to: "parts/train_val_videodatainfo.json"),
            try folder.write(part(true), to: "parts/test_videodatainfo.json"),
        ]
        let dataset = try place.take(.msrvtt(parts + [folder("raw/videos")]), as: "parts").0
        #expect(dataset.manifest.logicalDigest == whole.manifest.logicalDigest)
        let twice = place.message(of: try .msrvtt(parts + [folder("raw")]))
        #expect(twice.contains("annotated twice") && twice.contains("raw/MSRVTT_data.json"))
    }

    // MARK: - What holds the videos

    private func zip(_ names: [(String, Int)]) -> [UInt8] { ZipFile(names.map { ($0.0, video($0.1)) }).bytes }

    @Test(arguments: ["zip", "tar", "tar.gz", "tar.zst", "folder"])
    func theToolTakesWhateverHoldsTheVideos(container: String) throws {
        try writeVideos()
        try writeLists()
        let whole = try place.convert(["msr-vtt", folder("raw").string], as: "whole")
        var source = folder("raw/videos")
        if container == "zip" {
            source = try folder.write(zip((0..<6).map { ("TrainValVideo/video\($0).mp4", $0) }), to: "videos.zip")
        } else if container != "folder" {
            source = folder("videos.\(container)")
            #expect(try runShell("cd '\(folder("raw"))' && tar -caf '\(source)' --sort=name videos").status == 0)
        }
        let annotations = ["MSRVTT_data.json", "MSRVTT_train.9k.csv", "MSRVTT_JSFUSION_test.csv", "category.txt"]
        let report = try place.convert(
            ["msr-vtt", source.string] + annotations.map { folder("raw/\($0)").string }, as: "set")
        #expect(report["documents"]?.integer == 6 && report["queries"]?.integer == 13)
        let (one, other) = (try place.store.dataset("whole"), try place.store.dataset("set"))
        #expect(one.manifest.logicalDigest == other.manifest.logicalDigest)
        #expect(whole["judgements"] == report["judgements"])
        for number in 0..<6 { #expect(try place.item("set", "video\(number)") == video(number)) }
        // An archive is an input, known by its bytes.
        let digests = report["inputs"]!.array!.compactMap { $0["sha256"]?.string }
        #expect(digests.count == (container == "folder" ? 4 : 5))
        if container != "folder" { #expect(try digests.contains(SHA256Digest.ofFile(source).hex)) }
    }

    @Test func aTarMayComeFromStandardInput() throws {
        try writeVideos()
        let result = try runShell(
            "cd '\(folder("raw"))' && tar -c videos | '\(builtProducts)/tvt-convert' msr-vtt MSRVTT_data.json - --dataset set --media-check none "
                + "--store '\(place.store.root)'")
        #expect(result.status == 0, "\(result.errorText)")
        #expect(try place.store.dataset("set").documentCount == 6)
    }

    /// Each waits in a file of its own until it is written; but not all of them at once.
    @Test func manyLargeVideosNeedFewOpenFiles() throws {
        var videos: [String] = []
        for number in 0..<40 {
            videos.append(#"{"video_id":"v\#(number)","split":"train"}"#)
        }
        try folder.write(annotations(videos, []), to: "large/a.json")
        let result = try runShell(
            "cd '\(folder("large"))' && for n in $(seq 0 39); do truncate -s 16777300 v$n.mp4; done && ulimit -n 36 && "
                + "'\(builtProducts)/tvt-convert' msr-vtt . --workers 2 --media-check none --dataset set --store '\(place.store.root)'"
        )
        #expect(result.status == 0, "\(result.errorText)")
        let dataset = try place.store.dataset("set")
        #expect(dataset.documentCount == 40 && dataset.mediaCount == 1)
    }

    @Test func archivesInAFolderAreFound() throws {
        try folder.write(zip([0, 1, 2, 3].map { ("a/video\($0).mp4", $0) }), to: "raw/train_val_videos.zip")
        try folder.write(zip([4, 5].map { ("video\($0).mp4", $0) }), to: "raw/test_videos.zip")
        let (dataset, report) = try place.take(.msrvtt([folder("raw")]))
        #expect(dataset.documentCount == 6 && report.sourceCounts.isEmpty)
        // An archive may have nothing of the splits that are asked for.
        #expect(try place.take(.msrvtt([folder("raw")], splits: ["test"]), as: "test").0.documentCount == 2)
    }

    @Test func hostileNamesAreErrors() throws {
        for (name, reason) in [
            ("../video0.mp4", "leads out of the archive"), ("/video0.mp4", "absolute path"),
            ("C:video0.mp4", "drive letter"),
        ] {
            let archive = try folder.write(zip([(name, 0)]), to: "bad.zip")
            let text = place.message(of: try .msrvtt([folder("raw/MSRVTT_data.json"), archive]))
            #expect(text.contains(reason), "\(name): \(text)")
        }
        #expect(try place.store.references().isEmpty)
    }

    // MARK: - What is missing, and what is too much

    @Test func missingVideosAreAnErrorUnlessTheyAreAllowedFor() throws {
        try writeVideos([0, 1, 2, 4])
        let text = place.message(of: try .msrvtt([folder("raw")]))
        #expect(text.contains("2 of 6 clips have no file: \"video3\", \"video5\"") && text.contains("--missing"))
        #expect(try place.store.references().isEmpty)
        let list = folder("missing.txt")
        let (dataset, report) = try place.take(.msrvtt([folder("raw")], missing: list))
        #expect(dataset.documentCount == 4 && dataset.queryCount == 8)
        #expect(report.sourceCounts["missing clips"] == 2)
        #expect(try Files.readText(list) == "video3\nvideo5\n")
        #expect(dataset.manifest.provenance.options["missing"]?.string == "left out")
        // Of other splits none is missing.
        #expect(try place.take(.msrvtt([folder("raw")], splits: ["train"]), as: "train").0.documentCount == 3)
    }

    @Test func aCheckTellsWhatIsMissing() throws {
        try writeVideos([0, 1, 2, 4])
        let result = try run("tvt-convert", ["check", folder("raw").string])
        #expect(result.status == 65 && result.outputText.contains("2 of 6 clips have no file"), "\(result.outputText)")
    }

    @Test func withoutAnyFileTheListIsNotWritten() throws {
        try folder.write("x", to: "raw/readme.txt")
        let text = place.message(of: try .msrvtt([folder("raw")], missing: folder("missing.txt")))
        #expect(text.contains("none of the 6 clips has a file"))
        #expect(!Files.exists(folder("missing.txt")))
    }

    @Test func filesWithoutAnnotationAreCountedAndNamed() throws {
        try writeVideos(0..<8)
        try folder.write("x", to: "raw/videos/all/._video0.mp4")
        try folder.write("x", to: "raw/videos/readme.txt")
        let result = try run(
            "tvt-convert",
            [
                "msr-vtt", folder("raw").string, "--dataset", "set", "--store", place.store.root.string,
                "--media-check",
                "none",
            ])
        #expect(result.status == 0 && result.outputText.contains("files without annotation  3"))
        #expect(result.errorText.contains("3 files have no annotation and are left out"))
        #expect(result.errorText.contains("video7.mp4") && result.errorText.contains("readme.txt"))
        #expect(try place.store.dataset("set").documentCount == 6)
    }

    @Test func twoFilesOfAVideoAreAnError() throws {
        try writeVideos()
        try folder.write(video(2), to: "raw/videos/more/video2.mp4")
        let text = place.message(of: try .msrvtt([folder("raw")]))
        #expect(text.contains("more/video2.mp4: a second file of the clip \"video2\""))
        #expect(text.contains("all/video2.mp4"))
    }

    @Test func abrokenVideoTakesItsQueriesWithIt() throws {
        try writeVideos()
        try folder.write("", to: "raw/videos/all/video1.mp4")
        let text = place.message(of: try .msrvtt([folder("raw")]))
        #expect(text.contains("video1.mp4") && text.contains("the file is empty"))
        let (dataset, report) = try place.take(.msrvtt([folder("raw")])) {
            $0.badRecordLimit = 1
            $0.rejects = folder("rejects")
        }
        #expect(report.rejectCount == 1 && dataset.documentCount == 5 && dataset.queryCount == 10)
        #expect(try place.judged(dataset, "train").keys.sorted() == ["0", "1", "4", "5"])
    }

    @Test(arguments: [
        (#"{"videos":[{"video_id":"v","split":"train"}]}"#, "sentences"),
        (#"{"videos":[{"split":"train"}],"sentences":[]}"#, "missing field \"video_id\""),
        (#"{"videos":[{"video_id":"v"}],"sentences":[]}"#, "missing field \"split\""),
        (#"{"videos":[{"video_id":"v\n","split":"train"}],"sentences":[]}"#, "control character"),
        (
            #"{"videos":[{"video_id":"v","split":"train"}],"sentences":[{"video_id":"w","sen_id":1,"caption":"c"}]}"#,
            "no video \"w\""
        ),
        (
            #"{"videos":[{"video_id":"v","split":"train"}],"sentences":[{"video_id":"v","caption":"c"}]}"#,
            "missing field \"sen_id\""
        ),
        (
            #"{"videos":[{"video_id":"v","split":"train"}],"sentences":[{"video_id":"v""#,
            "(byte 57): the file ends within a value"
        ),
    ])
    func annotationsAtFaultAreNamed(json: String, reason: String) throws {
        try folder.write(json, to: "raw/MSRVTT_data.json")
        try writeVideos()
        let text = place.message(of: try .msrvtt([folder("raw")]))
        #expect(text.contains(reason) && text.contains("MSRVTT_data.json"), "\(text)")
    }

    @Test func listsAtFaultAreNamed() throws {
        try writeVideos()
        try folder.write("video_id\nvideo0\nvideo77\n", to: "raw/MSRVTT_train.7k.csv")
        let unknown = place.message(of: try .msrvtt([folder("raw")]))
        #expect(unknown.contains("MSRVTT_train.7k.csv:3") && unknown.contains("\"video77\""))
        try Files.remove(folder("raw/MSRVTT_train.7k.csv"))
        try folder.write("video_id\nvideo0\n", to: "raw/mine.csv")
        #expect(place.message(of: try .msrvtt([folder("raw")])).contains("mine.csv is no list"))
        #expect(place.message(of: try .msrvtt([folder("raw/videos")])).contains("no annotation (.json)"))
    }

    // MARK: - Laws

    @Test(arguments: [1, 2]) func theResultDoesNotDependOnBatches(workers: Int) throws {
        try writeVideos()
        try writeLists()
        let whole = try place.take(.msrvtt([folder("raw")]), as: "whole").0
        let small = try place.take(.msrvtt([folder("raw")]), as: "small") {
            $0.workers = workers
            $0.batchByteCount = 1
        }.0
        #expect(small.manifest.logicalDigest == whole.manifest.logicalDigest)
    }

    @Test func largeVideosGoThroughAFile() throws {
        try writeVideos()
        let large = (0..<(20 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        try folder.write(large, to: "raw/videos/all/video5.mp4")
        _ = try place.convert(["msr-vtt", folder("raw").string], as: "set")
        #expect(try SHA256Digest.of(place.item("set", "video5")) == SHA256Digest.of(large))
    }

    @Test func helpTeaches() throws {
        let help = try run("tvt-convert", ["msr-vtt", "--help"])
        for word in ["test-1k-a", "--missing", "MSRVTT_data.json", "--positives"] {
            #expect(help.outputText.contains(word), "\(word)")
        }
        let both = try run("tvt-convert", ["msr-vtt", "x", "--missing", "-", "--dataset", "set"])
        #expect(both.status == 64)
    }
}
