import Base
import Glibc
import JSON
import Store
import StoreFormat
import StoreMaintenance
import SystemPackage
import TestKit
import Testing

/// What users meet when disks are full, clocks lag or files lie elsewhere: the messages say what is there and what to do.
@Suite struct TroubleTests {
    let temporary: TemporaryStore
    let dataset: Dataset

    init() throws {
        temporary = try TemporaryStore()
        dataset = try SampleData(documents: 40, queries: 4, seed: 1).commit(to: temporary.store, as: "nave")
    }

    func tool(_ arguments: String...) throws -> ToolResult {
        try run("tvt-store", arguments + ["--store", temporary.store.root.string])
    }

    @Test func anIncompleteStoreIsNamedAndCompleted() throws {
        let root = temporary.store.root
        try Files.remove(root.appending("oci-layout"))
        let result = try tool("ls")
        #expect(result.status == 66)
        #expect(result.errorText.contains("incomplete store"))
        #expect(result.errorText.contains("tvt-store init --store \(root)"))
        #expect(try tool("init").status == 0)
        #expect(try temporary.store.dataset("nave").digest == dataset.digest)
        #expect(try tool("ls").status == 0)
    }

    @Test func anErrorAfterTheCommitSaysWhatIsCommitted() throws {
        let tool = builtProducts.appending("tvt-store")
        for output in [">/dev/full", ">&-"] {
            let result = try runShell("'\(tool)' tag nave again --store '\(temporary.store.root)' \(output)")
            #expect(result.status == 74)
            #expect(result.errorText.contains("again points at \(dataset.digest)"), "\(result.errorText)")
            #expect(result.errorText.contains("no need to run it again"))
            #expect(try temporary.store.remove("again") == dataset.digest)
        }
        // Nothing is claimed where nothing was done.
        let failed = try runShell("'\(tool)' ls --store '\(temporary.store.root)' >/dev/full")
        #expect(failed.status == 74 && !failed.errorText.contains("ommitted before"), "\(failed.errorText)")
    }

    @Test func blobsOnAnotherFileSystemAreAdvisedUpon() throws {
        guard Files.isDirectory("/dev/shm") else { return }
        let elsewhere = try TemporaryFolder(in: "/dev/shm")
        let root = temporary.folder("split")
        _ = try Store.create(at: root)
        var (here, there) = (stat(), stat())
        guard stat(root.string, &here) == 0, stat(elsewhere.path.string, &there) == 0, here.st_dev != there.st_dev
        else { return }
        try Files.removeTree(root.appending("blobs"))
        try Files.makeDirectory(elsewhere("blobs").appending("sha256"))
        #expect(symlink(elsewhere("blobs").string, root.appending("blobs").string) == 0)
        let error = #expect(throws: SystemError.self) {
            try SampleData(documents: 3, queries: 1, seed: 2).commit(to: Store(opening: root))
        }
        #expect(error?.errno == EXDEV && error?.exitStatus == .io)
        #expect(error?.description.contains("one file system") == true)
    }

    @Test func aClockThatLagsMakesNoChangeOld() throws {
        let store = temporary.store
        try store.remove("nave")
        // The removal was logged by a machine whose clock is 400 days behind.
        let path = store.root.appending("reflog")
        var lines = try Files.readText(path).split(separator: "\n").map(String.init)
        let time = try #require(try JSONValue.parse(Array(lines[1].utf8), path: "reflog")["time"]?.string)
        let late = Clock.timestamp(ofEpochSeconds: Clock.epochSeconds() - 400 * 86400)
        lines[1] = lines[1].replacing(time, with: late)
        let old = lines[0].replacing(time, with: late)
        for text in [lines, [old, lines[1]]] {
            try Files.replace(path, with: text.joined(separator: "\n") + "\n")
            var options = GarbageOptions()
            options.youngSeconds = 0
            options.applies = true
            options.now = Clock.epochSeconds() + 2 * 86400
            let report = try store.collectGarbage(options)
            #expect(report.trashed.count == 0 && report.reachable.count > 0)
        }
    }

    @Test func longLicencesAreShownAtOnce() throws {
        let licence = String(repeating: "Thou shalt not. \u{1B}", count: 200_000)
        let writer = try temporary.store.writer(
            reference: "licensed", provenance: Provenance(tool: "test", options: ["a": 1], licence: licence))
        try SampleData(documents: 1, queries: 1, seed: 5).append(to: writer)
        try writer.commit()
        for command in ["show", "log"] {
            let result = try run(
                "tvt-store", [command, "licensed", "--store", temporary.store.root.string], killAfterSeconds: nil)
            #expect(result.status == 0)
            // The licence stands there once, and widens no other line.
            #expect(result.output.count < 5_000_000)
            #expect(result.outputText.contains("Thou shalt not."))
        }
    }

    @Test func linesOfALicenceStandBelowEachOther() throws {
        let writer = try temporary.store.writer(
            reference: "licensed", provenance: Provenance(tool: "test", licence: "first\nsecond"))
        try SampleData(documents: 1, queries: 1, seed: 5).append(to: writer)
        try writer.commit()
        let lines = try tool("show", "licensed").outputText.split(separator: "\n")
        let first = try #require(lines.firstIndex { $0.hasPrefix("licence ") })
        let column = try #require(lines[first].firstRange(of: "first")?.lowerBound.utf16Offset(in: lines[first]))
        #expect(lines[first + 1] == String(repeating: " ", count: column) + "second")
    }

    @Test func listsTellTheLinks() throws {
        let text = try tool("ls").outputText
        #expect(text.contains("POSITIVES  NEGATIVES  JUDGEMENTS"))
        let entry = try #require(JSONValue.parse(tool("ls", "--json").output, path: "ls").array?.first)
        #expect(entry["positives"]?.integer == dataset.positives?.linkCount)
        #expect(entry["stored_bytes"]?.integer == dataset.manifest.blobs.reduce(0) { $0 + $1.size })
    }

    @Test func addressesKeepTheirSlashes() throws {
        let error = #expect(throws: InputError.self) {
            try ReferenceIndex(Array("<html>".utf8), path: "http://127.0.0.1:1/store/index.json")
        }
        #expect(error?.description.contains("http:/1") == false)
        #expect(error?.description.contains("reflog") == false)
    }
}
