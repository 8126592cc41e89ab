import Base
import JSON
import Store
import SystemPackage
import TestKit
import Testing

/// Push to and pull from another folder.
@Suite struct FolderTests {
    @Test func aFolderThatWasPushedToIsAStore() throws {
        let here = try SampleStore()
        let digest = try here.commit()
        let there = here.folder("there")
        let first = try JSONValue.parse(here.tool(["push", there.string, "sample", "--json"]).output, path: "push")
        #expect(first["moved_blobs"] == first["blobs"])
        #expect(first["references"]?.array?.first?["before"]?.isNull == true)
        #expect(try RemotesTests.digest(of: "sample", in: there) == digest)
        #expect(try expectClean(there))
        #expect(try Store(opening: there).reflog().map(\.operation) == ["push"])

        let second = try JSONValue.parse(here.tool(["push", there.string, "sample", "--json"]).output, path: "push")
        #expect(second["moved_blobs"]?.integer == 0)
        #expect(second["references"]?.array?.first?["before"]?.string == digest.description)

        let away = here.folder("away").string
        let pulled = try run(
            "tvt-store", ["pull", "file://" + there.string, "sample", "--as", "copy@one", "--store", away])
        #expect(pulled.status == 0, "\(pulled.errorText)")
        #expect(try RemotesTests.digest(of: "copy@one", in: FilePath(away)) == digest)
        #expect(try expectClean(FilePath(away)))
        let (left, right) = try (
            here.tool(["cat", "sample", "corpus"]), run("tvt-store", ["cat", "copy@one", "corpus", "--store", away])
        )
        #expect(left.output == right.output && !left.output.isEmpty)
    }

    @Test func severalDatasetsShareBlobs() throws {
        let here = try SampleStore()
        try here.commit("one")
        #expect(try here.tool(["tag", "one", "two"]).status == 0)
        try here.commit("three", seed: 3)
        let there = here.folder("there").string
        let report = try JSONValue.parse(
            here.tool(["push", there, "one", "two", "three", "--json", "--jobs", "1"]).output, path: "push")
        #expect(report["references"]?.array?.count == 3)
        #expect(try Store(opening: FilePath(there)).references() == here.store.references())
        #expect(try expectClean(FilePath(there)))
    }

    @Test func aDryRunMovesNothing() throws {
        let here = try SampleStore()
        try here.commit()
        let there = here.folder("there")
        let push = try here.tool(["push", there.string, "sample", "--dry-run"])
        #expect(push.status == 0 && push.outputText.contains("would be new"))
        #expect(!Files.exists(there))
        #expect(try here.tool(["push", there.string, "sample"]).status == 0)
        let empty = try SampleStore()
        let pull = try empty.tool(["pull", there.string, "sample", "--dry-run", "--json"])
        #expect(try JSONValue.parse(pull.output, path: "pull")["moved_blobs"]?.integer ?? 0 > 0)
        #expect(try empty.store.references().isEmpty)
        #expect(!Files.exists(empty.store.root.appending("tmp").appending("incoming")))
    }

    @Test func exitStatusesAreThoseOfTheTable() throws {
        let here = try SampleStore()
        try here.commit()
        let there = here.folder("there").string
        #expect(try here.tool(["push", there, "none"]).status == 66)
        #expect(!Files.exists(FilePath(there)))
        #expect(try here.tool(["push", there, "sample", "none"]).status == 66)
        #expect(try here.tool(["pull", there, "sample"]).status == 66)
        #expect(try here.tool(["push", there, "sample"]).status == 0)
        let missing = try here.tool(["pull", there, "other"])
        #expect(missing.status == 66 && missing.errorText.contains("It has: sample."))
        #expect(try here.tool(["push", there, "sample", "sample", "--as", "x"]).status == 64)
        #expect(try here.tool(["push", there, "sample", "--jobs", "0"]).status == 64)
        #expect(try here.tool(["pull", there, "sample", "--as", "not a name"]).status == 64)
        #expect(try here.tool(["push", "gopher://x/y", "sample"]).status == 64)
        #expect(try here.tool(["push", "https://x/y?z", "sample"]).status == 64)
        #expect(try here.tool(["push", "s3://", "sample"]).status == 64)
        try here.folder.write("x", to: "full/file")
        #expect(try here.tool(["push", here.folder("full").string, "sample"]).status == 73)
    }

    @Test func aDamagedBlobIsNotPushed() throws {
        let here = try SampleStore()
        try here.commit()
        let blob = try here.store.dataset("sample").manifest.documents.shards[1].blob
        let path = here.store.path(of: blob.digest)
        var bytes = try Files.readAll(path)
        bytes[bytes.count / 2] ^= 1
        try Files.replace(path, with: bytes)
        let there = here.folder("there")
        let result = try here.tool(["push", there.string, "sample"])
        #expect(result.status == 65 && result.errorText.contains(blob.digest.hex))
        #expect(try Store(opening: there).references().isEmpty)
        #expect(!Files.exists(there.appending("blobs").appending("sha256").appending(blob.digest.hex)))
    }

    /// A pull from a folder whose blob was damaged there.
    @Test func aDamagedBlobIsNotPulled() throws {
        let there = try SampleStore()
        try there.commit()
        let blob = try there.store.dataset("sample").manifest.documents.shards[1].blob
        let path = there.store.path(of: blob.digest)
        var bytes = try Files.readAll(path)
        bytes[bytes.count / 2] ^= 1
        try Files.replace(path, with: bytes)
        let here = try SampleStore()
        let result = try here.tool(["pull", there.path, "sample"])
        #expect(result.status == 65 && result.errorText.contains(blob.digest.hex))
        #expect(try here.store.references().isEmpty)
        #expect(!Files.exists(here.store.path(of: blob.digest)))
    }
}
