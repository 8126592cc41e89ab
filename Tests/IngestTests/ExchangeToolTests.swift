import Base
import Store
import Export
import Foundation
import Glibc
import Ingest
import JSON
import SystemPackage
import Testing
import TestKit

/// `tvt-store export` and `import` as a user runs them: help, refusals, kills, and `--portable` with zstd's own program.
@Suite struct ExchangeToolTests {
    let place: Workplace

    init() throws { place = try Workplace() }

    func store(_ arguments: [String], killAfterSeconds: Double? = nil) throws -> ToolResult {
        try run(
            "tvt-store", arguments + ["--store", place.store.root.string], workingFolder: place.folder.path,
            killAfterSeconds: killAfterSeconds)
    }

    @Test(arguments: ["export", "import"]) func helpIsThere(command: String) throws {
        let help = try run("tvt-store", [command, "--help"])
        #expect(help.status == 0 && help.outputText.contains("USAGE: tvt-store \(command)"))
        let options =
            command == "export"
            ? ["--format", "--output", "--compress", "--shard-bytes", "--force", "--no-media", "--workers"]
            : ["--dataset", "--format", "--licence", "--portable", "--frame-bytes"]
        for option in options { #expect(help.outputText.contains(option), "\(option)") }
    }

    @Test func misuseIs64() throws {
        for arguments in [
            ["export"], ["export", "sample", "--output", "out"], ["export", "sample", "--format", "v2"],
            ["export", "sample", "--format", "v3", "--output", "out"],
            ["export", "sample", "--format", "webdataset", "--compress", "gz", "--output", "out"],
            ["export", "sample", "--format", "webdataset", "--shard-bytes", "0", "--output", "out"],
            ["export", "sample", "--format", "v2", "--output", "/"],
            ["import", "out"], ["import", "out", "--dataset", "x", "--frame-bytes", "0"],
        ] {
            try place.convert(ConvertToolTests.rows)
            #expect(try store(arguments).status == 64, "\(arguments)")
        }
    }

    @Test func whatIsThereIsNotTouched() throws {
        try place.convert(ConvertToolTests.rows)
        func export(_ output: String, _ more: String...) throws -> ToolResult {
            try store(["export", "sample", "--format", "v2", "--output", output] + more)
        }
        try place.write(["precious"], to: "full/of/things")
        try place.write(["precious"], to: "file")
        for more in [[], ["--force"]] {
            for name in ["full", "file"] {
                #expect(try store(["export", "sample", "--format", "v2", "--output", name] + more).status == 73)
            }
        }
        #expect(try Files.readText(place.folder("full/of/things")) == "precious\n")
        // An empty folder is as good as none, and an earlier export gives way only if asked to.
        try Files.makeDirectory(place.folder("out"))
        #expect(try export("out/").status == 0)
        try place.write(["extra"], to: "out/extra")
        let refused = try export("out")
        #expect(refused.status == 73 && refused.errorText.contains("--force"))
        #expect(Files.exists(place.folder("out/extra")))
        #expect(try export("out", "--force").status == 0)
        #expect(!Files.exists(place.folder("out/extra")))
        // Two at once: the second is told.
        let lock = try FileLock(acquiring: place.folder(".other.export.tmp/.lock"), purpose: "a test")
        let locked = try export("other")
        #expect(locked.status == 75 && locked.errorText.contains("a test"))
        withExtendedLifetime(lock) {}
        #expect(try Files.list(place.folder.path).filter { $0.hasPrefix(".") } == [".other.export.tmp"])
    }

    @Test func theEarlierExportComesBack() throws {
        try place.convert(ConvertToolTests.rows)
        #expect(try store(["export", "sample", "--format", "v2", "--output", "out"]).status == 0)
        // As after a kill between the two renames of a replacement.
        try Files.rename(place.folder("out"), to: place.folder(".out.export.old"))
        #expect(try store(["export", "sample", "--format", "beir", "--output", "out"]).status == 73)
        #expect(Files.exists(place.folder("out/export.json")))
        #expect(try Files.list(place.folder.path).filter { $0.hasPrefix(".") } == [])
    }

    @Test func missingThingsAre66() throws {
        try place.convert(ConvertToolTests.rows)
        try Files.makeDirectory(place.folder("empty"))
        #expect(try store(["export", "simple", "--format", "v2", "--output", "out"]).status == 66)
        for folder in ["none", "empty"] {
            let result = try store(["import", folder, "--dataset", "x"])
            #expect(result.status == 66 && result.errorText.contains(folder))
        }
        for format in ["v2", "beir", "webdataset"] {
            #expect(try store(["import", "empty", "--dataset", "x", "--format", format]).status == 66)
        }
    }

    /// A layout without export.json is told by its records.
    @Test(arguments: ExportFormat.allCases) func layoutsAreTold(format: ExportFormat) throws {
        let dataset = try RandomRecords(isPlain: true, seed: 21).convert(in: place)
        #expect(try store(["export", "sample", "--format", format.rawValue, "--output", "out"]).status == 0)
        try Files.remove(place.folder("out/export.json"))
        let result = try store(["import", "out", "--dataset", "again", "--json"])
        #expect(result.status == 0, "\(result.errorText)")
        #expect(try JSONValue.parse(result.output, path: "stdout")["export_differences"] == nil)
        let again = try place.store.dataset("again")
        #expect(again.manifest.logicalDigest == dataset.manifest.logicalDigest)
        #expect(again.manifest.provenance.tool.hasPrefix("tvt-store import"))
    }

    /// What is killed leaves no folder of the name, and the next run goes through.
    @Test(arguments: ExportFormat.allCases) func aKillLeavesNothingWhole(format: ExportFormat) throws {
        let corpus = (0..<60_000).map { #"{"docid":"d\#($0)","document_text":"\#(String($0 &* 7_919, radix: 2))"}"# }
        let queries = (0..<2000).map { #"{"query_id":"q\#($0)","query_text":"\#($0)"}"# }
        let qrels = (0..<2000).map { "q\($0) 0 d\($0 * 29) 1" }
        _ = try Conversions.records(
            queries: [place.write(queries, to: "q")], corpus: [place.write(corpus, to: "c")],
            judgements: [place.write(qrels, to: "test")], into: place.store, reference: "sample")
        let arguments = ["export", "sample", "--format", format.rawValue, "--output", "out"]
        let start = Clock.seconds()
        #expect(try store(arguments + ["--json"]).status == 0)
        let seconds = Clock.seconds() - start
        let whole = try SourceTreeDigest(place.folder("out"))
        try Files.removeTree(place.folder("out"))
        var killedCount = 0
        for part in 1...6 {
            let killed = try store(arguments, killAfterSeconds: seconds * Double(part) / 6.5).wasKilled
            if killed { killedCount += 1 }
            if Files.exists(place.folder("out")) {
                #expect(try SourceTreeDigest(place.folder("out")) == whole)
                try Files.removeTree(place.folder("out"))
            }
        }
        #expect(killedCount > 0)
        #expect(try store(arguments).status == 0)
        #expect(try SourceTreeDigest(place.folder("out")) == whole)
        #expect(try Files.list(place.folder.path).filter { $0.hasPrefix(".") } == [])
    }

    // MARK: - Portable shards

    func zstd(_ arguments: [String]) throws -> [UInt8] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["zstd", "-dc"] + arguments
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return Array(bytes)
    }

    /// zstd's own program prints portable shards, and the others when it is given their dictionary.
    @Test func zstdPrintsWhatCatPrints() throws {
        let corpus = (0..<3000).map { #"{"docid":"d\#($0)","document_text":"the record of number \#($0 &* 7_919)"}"# }
        let path = try place.write(corpus, to: "corpus.jsonl").string
        let base = ["v2", "--corpus", path, "--dataset"]
        #expect(try place.tool(base + ["default"]).status == 0)
        #expect(try place.tool(base + ["portable", "--portable", "--frame-bytes", "65536"]).status == 0)
        #expect(try store(["compact", "default", "--as", "compacted", "--portable"]).status == 0)
        #expect(try store(["compact", "portable", "--as", "back", "--frame-bytes", "1024"]).status == 0)
        let printed = try store(["cat", "default", "corpus"]).output
        #expect(printed == corpus.flatMap { Array($0.utf8) + [0x0A] })
        let logical = try place.store.dataset("default").manifest.logicalDigest
        func blob(_ digest: SHA256Digest) -> String { place.store.root.appending("blobs/sha256/\(digest.hex)").string }
        for (name, isPortable) in [("default", false), ("portable", true), ("compacted", true), ("back", false)] {
            let manifest = try place.store.dataset(name).manifest
            #expect(manifest.logicalDigest == logical)
            #expect(manifest.documents.dictionaries.isEmpty == isPortable, "\(name)")
            let shards = manifest.documents.shards.map { blob($0.blob.digest) }
            let dictionary = manifest.documents.dictionaries.flatMap { ["-D", blob($0.digest)] }
            #expect(try zstd(dictionary + shards) == printed, "\(name)")
        }
        let manifest = try place.store.dataset("portable").manifest
        #expect(manifest.provenance.options["portable"] == true && manifest.provenance.options["frameBytes"] == 65536)
        let frames = try ["default", "portable", "back"].map {
            try place.store.dataset($0).manifest.documents.shards.reduce(0) { $0 + $1.frameCount }
        }
        #expect(frames[1] < frames[0] && frames[0] < frames[2])
    }

    /// docs/python.md is right: its blocks run, one after the other, on a store of the tools.
    @Test(.enabled(if: Files.exists(pythonPackages)), arguments: [false, true])
    func pythonReadsAStore(isPortable: Bool) throws {
        let corpus = (0..<3000).map { number in
            let image = number % 1000 == 5 ? #","document_image":"\#(number / 1000).png""# : ""
            return #"{"docid":"d\#(number)é","document_text":"the record of number \#(number &* 7_919)"\#(image)}"#
        }
        // Stored as they are, and compressed.
        for name in 0..<3 {
            try place.write([String(repeating: "\(name) is no picture. ", count: 10 << name)], to: "\(name).png")
        }
        var options = IngestOptions()
        options.media = MediaIntake(try AssetFolder(place.folder.path))
        let queries = (0..<50).map {
            #"{"query_id":"q\#($0)","query_text":"\#($0)","positive_document_ids":["d\#($0)é","d7é"],"#
                + #""positive_document_scores":[\#($0).5,1]}"#
        }
        let qrels = (0..<50).map { "q\($0)\td\($0 * 3)é\t\($0 % 3)" }
        _ = try Conversions.records(
            queries: [place.write(queries, to: "q")], corpus: [place.write(corpus, to: "c")],
            judgements: [place.write(qrels, to: "test.tsv")], into: place.store, reference: "nave", options: options)
        if isPortable { #expect(try store(["compact", "nave", "--portable"]).status == 0) }
        let page = try Files.readText(sourceRoot.appending("docs/python.md"))
        let blocks = page.split(separator: "```python\n").dropFirst().map { $0.split(separator: "\n```")[0] }
        #expect(blocks.count >= 4)
        let checks = """

            assert len(documents) == 3000 and len(queries) == 50
            lines = [line for line in documents]
            assert lines == [documents[n] for n in range(3000)]
            for number in range(3):
                image = lines[number * 1000 + 5]["document_image"]
                assert media[image["digest"]] == open(f"{number}.png", "rb").read() and len(media.places) == 3
            assert lines[2999] == json.loads('{"docid":"d2999é","document_text":"the record of number %d"}' % (2999 * 7919))
            assert documents[documents.find("d1234é")] == lines[1234] and documents.find("none") is None
            targets, scores = positives.of(3)
            assert [lines[n]["docid"] for n in targets] == ["d3é", "d7é"] and list(scores) == [3.5, 1]
            targets, grades = judgements["test"].of(4)
            assert [lines[n]["docid"] for n in targets] == ["d12é"] and list(grades) == [1]
            print("all is well")
            """
        let output = try runPython(blocks.joined(separator: "\n") + checks, in: place.folder.path)
        #expect(String(decoding: output, as: UTF8.self).hasSuffix("all is well\n"))
    }
}

/// Names and contents of a folder's files.
private struct SourceTreeDigest: Equatable {
    var files: [String: SHA256Digest] = [:]

    init(_ folder: FilePath, prefix: String = "") throws {
        for name in try Files.list(folder) {
            let path = folder.appending(name)
            if Files.isDirectory(path) {
                let inner = try SourceTreeDigest(path, prefix: prefix + name + "/")
                files.merge(inner.files) { $1 }
            } else {
                files[prefix + name] = try .ofFile(path)
            }
        }
    }
}
