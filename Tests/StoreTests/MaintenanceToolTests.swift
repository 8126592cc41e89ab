import Base
import JSON
import Store
import SystemPackage
import TestKit
import Testing

/// Runs `tvt-store gc`, `compact`, `repair`, `reflog` and `verify` as a user would.
@Suite struct MaintenanceToolTests {
    let temporary: TemporaryStore
    let sample = SampleData(documents: 120, queries: 8, seed: 91)
    let dataset: Dataset

    init() throws {
        temporary = try TemporaryStore()
        dataset = try sample.commit(to: temporary.store, options: CompactTests.small())
    }

    func tool(_ arguments: String...) throws -> ToolResult {
        try run("tvt-store", arguments + ["--store", temporary.store.root.string])
    }

    func json(_ result: ToolResult) throws -> JSONValue { try JSONValue.parse(result.output, path: "output") }

    @Test func helpTeaches() throws {
        for command in ["gc", "compact", "repair", "reflog"] {
            let result = try run("tvt-store", [command, "--help"])
            #expect(result.status == 0)
            #expect(result.outputText.contains("USAGE: tvt-store \(command)"))
        }
        #expect(try tool("gc", "--apply", "--dry-run").status == 64)
        #expect(try tool("gc", "--trash-days", "-1").status == 64)
        #expect(try tool("repair", "--salvage").status == 64)
        #expect(try tool("verify", "--subset", "5/4").status == 64)
        #expect(try tool("compact", "none").status == 66)
    }

    @Test func gcFromDryRunToDeletion() throws {
        #expect(try tool("rm", "sample").status == 0)
        let now = ["--reflog-days", "0", "--min-age-hours", "0", "--trash-days", "0"]
        let store = ["--store", temporary.store.root.string, "--json"]
        let count = try temporary.blobs().count
        #expect(try json(tool("gc", "--json"))["trashed"]?["count"]?.integer == 0)
        let dry = try json(run("tvt-store", ["gc", "--dry-run"] + now + store))
        #expect(dry["applied"] == false)
        #expect(dry["trashed"]?["count"]?.integer == count)
        #expect(try temporary.blobs().count == count)
        let first = try json(run("tvt-store", ["gc", "--apply"] + now + store))
        #expect(first["trashed"]?["count"]?.integer == count)
        #expect(first["deleted"]?["count"]?.integer == 0)
        #expect(try temporary.blobs().isEmpty)
        // Still there for `tag`, and found in the reflog.
        let entries = try json(tool("reflog", "--json")).array
        #expect(entries?.map { $0["operation"]?.string } == ["remove", "commit"])
        let digest = try #require(entries?.first?["before"]?.string)
        #expect(digest == dataset.digest.description)
        #expect(try tool("tag", digest, "sample").status == 0)
        #expect(try tool("verify", "--level", "full").status == 0)
        #expect(try tool("rm", "sample").status == 0)
        _ = try run("tvt-store", ["gc", "--apply"] + now + store)
        let last = try json(run("tvt-store", ["gc", "--apply"] + now + store))
        #expect((last["deleted"]?["count"]?.integer ?? 0) >= count)
        #expect(try tool("tag", digest, "sample").status == 66)
        #expect(try tool("gc").outputText.contains("Nothing was changed"))
    }

    @Test func aDryRunNeedsNoLock() throws {
        let lock = try FileLock(acquiring: temporary.store.root.appending("lock"), purpose: "a test")
        // A dry run needs no lock.
        #expect(try tool("gc").status == 0)
        withExtendedLifetime(lock) {}
    }

    @Test func compactSaysWhatItGains() throws {
        let dry = try tool("compact", "sample", "--dry-run")
        #expect(dry.status == 0)
        #expect(dry.outputText.contains("shards where 1 would do"))
        let done = try tool("compact", "sample", "--json")
        #expect(done.status == 0)
        let table = try json(done)["tables"]?.array?.first
        #expect(table?["shards_after"]?.integer == 1)
        #expect((table?["shards_before"]?.integer ?? 0) > 3)
        let again = try tool("compact", "sample")
        #expect(again.status == 0)
        #expect(again.outputText.contains("sample is compact already"))
        #expect(try tool("log", "sample").outputText.contains("tvt-store compact"))
        #expect(try tool("cat", "sample", "corpus").output == sample.documents.flatMap { SampleData.line($0) + [10] })
    }

    @Test func repairFromAnotherStoreAndSalvage() throws {
        let other = temporary.folder("other")
        let twin = try Store.create(at: other)
        try sample.commit(to: twin, options: CompactTests.small())
        let blob = dataset.manifest.documents.shards[2].blob
        let path = temporary.store.path(of: blob.digest)
        func damage() throws {
            var bytes = try Files.readAll(path)
            bytes[2000] ^= 8
            try Files.remove(path)
            try Files.replace(path, with: bytes)
        }
        try damage()
        let verify = try tool("verify")
        #expect(verify.status == 65)
        #expect(verify.errorText.contains("tvt-store repair"))
        let dry = try tool("repair", "--dry-run", "--from", other.string)
        #expect(dry.status == 65)
        #expect(dry.outputText.contains("can be fetched from"))
        #expect(Files.exists(path))
        let fixed = try tool("repair", "--from", other.string)
        #expect(fixed.status == 0)
        #expect(fixed.outputText.contains("1 were bad, 0 still are"))
        #expect(try tool("verify", "--level", "full", "--blobs").status == 0)

        try damage()
        let failed = try tool("repair", "sample")
        #expect(failed.status == 65)
        #expect(failed.errorText.contains("--salvage"))
        let salvaged = try tool("repair", "sample", "--salvage", "--as", "saved", "--json")
        #expect(salvaged.status == 65)
        let report = try json(salvaged)["salvage"]
        let lost = report?["lost_documents"]?.integer ?? 0
        #expect(lost > 0)
        #expect(try temporary.store.dataset("saved").documentCount == 120 - lost)
        #expect(try tool("verify", "saved", "--level", "full").status == 0)
        // The last way out: the damaged version is given up.
        #expect(try tool("rm", "sample").status == 0)
        #expect(try tool("repair").status == 0)
    }
}
