import Base
import JSON
import Store
import StoreFormat
import SystemPackage
import Testing
import TestKit

/// A name moves only where what it named has a place in the history of what is copied.
@Suite struct HistoryTests {
    let here: SampleStore
    let there: FilePath

    init() throws {
        here = try SampleStore()
        there = here.folder("there")
    }

    private func named(_ name: String, in root: FilePath? = nil) throws -> SHA256Digest? {
        try digest(of: name, in: root ?? here.store.root)
    }

    private func push(_ store: SampleStore, _ more: String...) throws -> ToolResult {
        try store.tool(["push", there.string, "sample"] + more)
    }

    private func pull(_ store: SampleStore, _ more: String...) throws -> ToolResult {
        try store.tool(["pull", there.string, "sample"] + more)
    }

    /// Commits a version that descends from `sample` under that name.
    private func derive(_ store: SampleStore) throws -> SHA256Digest {
        let parent = try store.store.dataset("sample")
        return try store.store.derive(
            from: parent, reference: "sample", keepingQueries: Array(0..<parent.queryCount - 1),
            provenance: Provenance(tool: "test 1")
        ).digest
    }

    @Test func aVersionMovesOnToItsDescendants() throws {
        let first = try here.commit(documents: 40)
        #expect(try push(here).status == 0)
        let away = try SampleStore()
        #expect(try pull(away).status == 0)
        let second = try derive(away)
        // The version between is nowhere but in the lineage, and has no name.
        let third = try derive(away)
        #expect(try push(away).status == 0)
        #expect(try named("sample", in: there) == third)
        #expect(Set([first, second, third]).count == 3)
        #expect(try pull(here).status == 0)
        #expect(try named("sample") == third)
    }

    @Test func aSourceThatWasConvertedAgainMovesOn() throws {
        let first = try here.commit(documents: 40)
        #expect(try push(here).status == 0)
        let second = try here.commit(documents: 41)
        #expect(try here.store.manifest(second).provenance.parents.isEmpty)
        let result = try push(here)
        #expect(result.status == 0 && result.outputText.contains("moved from \(first)"))
        // Who pulls only gets what is newest.
        let away = try SampleStore()
        #expect(try pull(away).status == 0)
        let third = try here.commit(documents: 42)
        #expect(try push(here).status == 0)
        #expect(try pull(away).status == 0)
        #expect(try named("sample", in: away.store.root) == third)
    }

    @Test func aPushDoesNotTakeAwayWhatItHasNotSeen() throws {
        let first = try here.commit(documents: 40)
        #expect(try push(here).status == 0)
        let away = try SampleStore()
        let other = try away.commit(documents: 50, seed: 9)
        for more in [[], ["--dry-run"]] {
            let refused = try away.tool(["push", there.string, "sample"] + more)
            #expect(refused.status == 73)
            #expect(refused.errorText.contains("\(first)") && refused.errorText.contains("\(other)"))
            #expect(refused.errorText.contains("--force"))
        }
        #expect(try named("sample", in: there) == first)
        // Nothing was sent either.
        let blob = try away.store.dataset("sample").manifest.documents.shards[0].blob.digest
        #expect(!Files.exists(try Store(opening: there).path(of: blob)))
        #expect(try push(away, "--as", "sample@other").status == 0)
        #expect(try named("sample", in: there) == first)
        #expect(try push(away, "--force").status == 0)
        #expect(try named("sample", in: there) == other)
        // And it is not moved back by the one who does not know.
        #expect(try push(here).status == 73)
        #expect(try Store(opening: there).reflog().last?.before == first)
        #expect(try expectClean(there))
    }

    /// One of several names that may not move: none does.
    @Test func namesMoveTogetherOrNotAtAll() throws {
        try here.commit("sample", documents: 40)
        try here.commit("other", documents: 41)
        #expect(try here.tool(["push", there.string, "sample", "other"]).status == 0)
        let before = try Store(opening: there).references()
        let away = try SampleStore()
        #expect(try pull(away).status == 0)
        _ = try derive(away)
        try away.commit("other", documents: 50, seed: 9)
        #expect(try away.tool(["push", there.string, "sample", "other"]).status == 73)
        #expect(try Store(opening: there).references() == before)
    }

    @Test func aPullDoesNotGiveUpWhatWasMadeHere() throws {
        let first = try here.commit(documents: 40)
        #expect(try push(here).status == 0)
        let away = try SampleStore()
        let own = try away.commit(documents: 50, seed: 9)
        let refused = try pull(away)
        #expect(refused.status == 73)
        #expect(refused.errorText.contains("\(own)") && refused.errorText.contains("\(first)"))
        #expect(try named("sample", in: away.store.root) == own)
        let blob = try here.store.dataset("sample").manifest.documents.shards[0].blob.digest
        #expect(!Files.exists(away.store.path(of: blob)))
        #expect(try pull(away, "--as", "sample@theirs").status == 0)
        #expect(try pull(away, "--force").status == 0)
        #expect(try named("sample", in: away.store.root) == first)
        #expect(try away.store.reflog().last?.before == own)
    }

    /// What is derived from a version that was pulled is work of one's own.
    @Test func aPullDoesNotMoveBack() throws {
        try here.commit(documents: 40)
        #expect(try push(here).status == 0)
        let away = try SampleStore()
        #expect(try pull(away).status == 0)
        let own = try derive(away)
        #expect(try pull(away).status == 73)
        #expect(try named("sample", in: away.store.root) == own)
    }

    /// A folder's reflog knows that others built on what was pushed there; a server's bucket has none.
    @Test(arguments: [true, false]) func aFolderKnowsItsHistory(isFolder: Bool) throws {
        try here.commit(documents: 40)
        #expect(try push(here).status == 0)
        let away = try SampleStore()
        #expect(try pull(away).status == 0)
        let newer = try away.commit(documents: 41)
        #expect(try push(away).status == 0)
        let server = try TestServer(serving: there)
        let result = try here.tool(["pull", isFolder ? there.string : server.origin, "sample"])
        #expect(result.status == (isFolder ? 0 : 73), "\(result.errorText)")
        #expect(try (named("sample") == newer) == isFolder)
    }

    /// Ancestors are looked up on a server too.
    @Test func ancestorsAreFoundOnAServer() throws {
        let first = try here.commit(documents: 40)
        #expect(try push(here).status == 0)
        let away = try SampleStore()
        #expect(try pull(away).status == 0)
        _ = try derive(away)
        #expect(try push(away).status == 0)
        _ = try derive(away)
        #expect(try push(away).status == 0)
        let server = try TestServer(serving: there)
        #expect(try here.tool(["pull", server.origin, "sample"]).status == 0)
        #expect(try here.store.descends(named("sample")!, from: first) == false)
        #expect(try named("sample") == named("sample", in: there))
    }
}
