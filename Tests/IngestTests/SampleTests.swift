import Archives
import Base
import Export
import Foundation
import Ingest
import JSON
import Store
import SystemPackage
import Testing
import TestKit

/// Tars of samples: those of others, those that are damaged, and ours in other hands.
@Suite struct SampleTests {
    let place: Workplace

    init() throws { place = try Workplace() }

    /// A tar of members in this order.
    @discardableResult
    func tar(_ name: String, _ members: [(String, String)]) throws -> FilePath {
        let writer = try TarWriter(place.folder(name))
        for (name, contents) in members {
            try Array(contents.utf8).withUnsafeBytes { try writer.append(name, $0) }
        }
        try writer.commit()
        return place.folder(name)
    }

    @discardableResult
    func convert(_ sources: FilePath...) throws -> (dataset: Dataset, report: IngestReport) {
        let report = try Conversions.samples(sources, into: place.store, reference: "sample")
        return (try place.store.dataset("sample"), report)
    }

    /// What has no record is called by a member that there is.
    @Test func theMemberAtFaultIsThere() throws {
        let sound = try tar("wd.tar", [("0001.txt", "one"), ("0002.wav", "RIFF....WAVEfmt ")])
        let empty = try place.tool(["webdataset", sound.string, "--dataset", "x"])
        #expect(empty.status == 65 && empty.errorText.contains("wd.tar/0002.wav"), "\(empty.errorText)")
        #expect(!empty.errorText.contains("0002.json"), "\(empty.errorText)")
    }

    /// A tar of samples is known by its members, whatever it is called, and a folder of tars by having nothing else.
    @Test(arguments: ["wd.tar", "shards/0.tar"]) func tarsAreChecked(name: String) throws {
        if name.contains("/") { try Files.makeDirectory(place.folder("shards")) }
        try tar(name, [("0001.json", #"{"text":"one"}"#), ("0002.txt", "two")])
        let checked = try run(
            "tvt-convert", ["check", name.contains("/") ? "shards" : name], workingFolder: place.folder.path)
        #expect(checked.status == 0, "\(checked.errorText)")
        #expect(
            checked.outputText.contains("read as webdataset") && checked.outputText.contains("documents: 2"),
            "\(checked.outputText)")
        try tar("other.tar", [("a.txt", "x"), ("b.c.d.e", "y")])
        #expect(try run("tvt-convert", ["check", "other.tar"], workingFolder: place.folder.path).status == 64)
    }

    @Test func samplesOfOthers() throws {
        let corpus = try tar(
            "train-0000.tar",
            [
                ("a/0001.json", "{\n  \"title\": \"T\",\n  \"extra\": [1,\n2]\n}\n"), ("a/0001.txt", "a\ntext\t\"é\""),
                ("a/0002.txt", ""), ("0003.json", #"{"docid":"named","text":"x"}"#),
                ("b.c/0004.json", #"{"text":"y"}"#),
                ("0005.json", "{}"), ("0005.txt", "z"),
            ])
        let queries = try tar(
            "queries-x.tar",
            [("q1.txt", "what"), ("q2.json", #"{"query_text":"who","positive_document_ids":["0005"]}"#)])
        let (dataset, report) = try convert(corpus, queries)
        #expect(
            try dataset.documentLines == [
                #"{"docid":"a/0001","title":"T","document_text":"a\ntext\t\"é\"","extra":[1,2]}"#,
                #"{"docid":"a/0002","document_text":""}"#, #"{"docid":"named","document_text":"x"}"#,
                #"{"docid":"b.c/0004","document_text":"y"}"#, #"{"docid":"0005","document_text":"z"}"#,
            ])
        #expect(
            try dataset.queryLines == [
                #"{"query_id":"q1","query_text":"what"}"#, #"{"query_id":"q2","query_text":"who"}"#,
            ])
        #expect(try dataset.positiveTargets == [[], [4]])
        #expect(report.inputs.map(\.size) == (try [corpus, queries].map { try Files.size($0) }))
        #expect(report.inputs.map(\.sha256) == (try [corpus, queries].map { try SHA256Digest.ofFile($0) }))
    }

    @Test(arguments: ["gz", "zst", "xz"]) func packedTars(ending: String) throws {
        let plain = try tar("x.tar", [("1.txt", "one"), ("2.txt", "two")])
        let packed = try place.write(Files.readAll(plain), to: "x.tar.\(ending)")
        #expect(try convert(packed).dataset.documentCount == 2)
        let piped = try place.tool(["webdataset", "-", "--dataset", "piped"], input: Files.readAll(packed))
        #expect(piped.status == 0, "\(piped.errorText)")
        #expect(
            try place.store.dataset("piped").manifest.logicalDigest
                == place.store.dataset("sample").manifest.logicalDigest)
    }

    /// Tars may be joined as files are.
    @Test func joinedTars() throws {
        let bytes =
            try Files.readAll(tar("a.tar", [("1.txt", "one")])) + Files.readAll(tar("b.tar", [("2.txt", "two")]))
        #expect(try convert(place.folder.write(bytes, to: "c.tar")).dataset.documentCount == 2)
    }

    @Test(arguments: [
        ([("1.txt", "x"), ("1.cls", "3")], "1.cls", "members that end in .cls have no place in a record"),
        ([("1.json", "{}"), ("1.json", "{}")], "1.json", "the archive has two members of this name"),
        ([("README", "x")], "README", "has no key and ending"),
        ([("plain", "x")], "plain", "has no key and ending"),
        ([("1.json", "[1]")], "1.json", "an array where a record should be"),
        ([("1.json", "{\"text\":\"x\"")], "1.json", "not valid JSON"),
        ([("1.json", "{\"text\":\"a\nb\"}")], "1.json", "not valid JSON"),
        ([("1.json", #"{"text":"x"}"#), ("1.txt", "y")], "1.json", "the field is given twice"),
        ([("1.txt", "x"), ("2.json", #"{"title":"x"}"#)], "2.json", "missing field \"document_text\""),
        ([("1.txt", "x"), ("2.txt", "y"), ("1.txt", "z")], "1.txt", "the archive has two members of this name"),
        ([("1.txt", "x"), ("2.json", #"{"docid":"1","text":"z"}"#)], "2.json", "differs from the one at"),
        ([], "x.tar", "there are no records"),
    ])
    func whatHasNoPlaceIsNamed(members: [(String, String)], name: String, reason: String) throws {
        let path = try tar("x.tar", members)
        let error = #expect(throws: InputError.self) { try convert(path) }
        #expect(error?.place.path.hasSuffix(name) == true, "\(error as Any)")
        #expect(error?.reason.contains(reason) == true, "\(error as Any)")
        #expect(try place.nothingIsCommitted())
    }

    @Test func textThatIsNotUTF8() throws {
        let writer = try TarWriter(place.folder("x.tar"))
        try [UInt8]([0x61, 0xFF]).withUnsafeBytes { try writer.append("1.txt", $0) }
        try writer.commit()
        let error = #expect(throws: InputError.self) { try convert(place.folder("x.tar")) }
        #expect(error?.reason == "the text is not valid UTF-8")
    }

    /// Wherever a tar is cut, also between two members, that is said.
    @Test func everyTruncationIsAnError() throws {
        let whole = try Files.readAll(tar("x.tar", (0..<4).map { ("\($0).txt", String(repeating: "x", count: 300)) }))
        // Blocks of zeros behind the end mark's first may go.
        let end = try #require(whole.lastIndex { $0 != 0 }) / 512 * 512 + 512
        for count in Array(stride(from: 0, to: end, by: 512)) + [1, 300, 513, 2000] {
            let path = try place.folder.write(Array(whole[..<count]), to: "cut.tar")
            #expect(throws: (any Error).self, "\(count) of \(whole.count) bytes") { try convert(path) }
        }
        let packed = try Files.readAll(place.write(whole, to: "x.tar.gz"))
        for count in stride(from: 0, to: packed.count, by: 7) {
            let path = try place.folder.write(Array(packed[..<count]), to: "cut.tar.gz")
            #expect(throws: (any Error).self, "\(count) of \(packed.count) packed bytes") { try convert(path) }
        }
        #expect(try place.nothingIsCommitted())
    }

    /// webdataset's own rule for keys, and Python's reading of tars: one sample a record, in their order.
    @Test func othersFindTheSamples() throws {
        let dataset = try RandomRecords(queryCount: 12, scored: (true, false), seed: 3).convert(in: place)
        var options = ExportOptions()
        options.shardBytes = 8192
        _ = try Conversions.export(dataset, as: .webdataset, to: place.folder("out"), options: options)
        let script = """
            import glob, json, re, sys, tarfile
            records = {"corpus": [], "queries": []}
            for side, found in records.items():
                for shard in sorted(glob.glob(f"out/{side}-*.tar")):
                    samples = []
                    with tarfile.open(shard) as tar:
                        for member in tar:
                            assert member.isreg() and member.mtime == 0 and member.uid == 0 and member.mode == 0o644
                            key, ending = re.match(r"^((?:.*/|)[^.]+)[.]([^/]*)$", member.name).groups()
                            if not samples or samples[-1]["__key__"] != key:
                                samples.append({"__key__": key})
                            assert ending not in samples[-1]
                            samples[-1][ending] = tar.extractfile(member).read()
                    assert samples
                    found += samples
            for found in records.values():
                assert [s["__key__"] for s in found] == ["%09d" % n for n in range(len(found))]
            print(json.dumps([[json.loads(s["json"])[name] for s in records[side]]
                for side, name in (("corpus", "docid"), ("queries", "query_id"))]))
            """
        let output = try python(script)
        let found = try JSONValue.parse(output, path: "python").array ?? []
        func ids(_ count: Int, _ id: (Int) throws -> [UInt8]) throws -> JSONValue {
            .array(try (0..<count).map { .string(String(decoding: try id($0), as: UTF8.self)) })
        }
        #expect(try found.first == ids(dataset.documentCount, dataset.documentID))
        #expect(try found.last == ids(dataset.queryCount, dataset.queryID))
        #expect(try Files.list(place.folder("out")).count { $0.hasPrefix("corpus-") } > 1)
    }

    /// Runs Python in the workplace, and gives what it printed.
    func python(_ script: String) throws -> [UInt8] {
        try runPython(script, in: place.folder.path)
    }
}

/// Runs a script with the packages that `make setup` installed, and gives what it printed.
func runPython(_ script: String, in folder: FilePath) throws -> [UInt8] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", "-c", script]
    process.currentDirectoryURL = URL(fileURLWithPath: folder.string)
    process.environment = ProcessInfo.processInfo.environment.merging([
        "PYTHONPATH": pythonPackages.string, "PYTHONDONTWRITEBYTECODE": "1",
    ]) { $1 }
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Failure(.bug, "Python ends with \(process.terminationStatus)") }
    return Array(bytes)
}

let pythonPackages = sourceRoot.appending(".deps").appending("python")
