import Base
import StoreMaintenance
import JSON
import Store
import StoreFormat
import SystemPackage
import Testing
import TestKit

@Suite struct CompactTests {
    static func small() -> WriterOptions {
        var options = WriterOptions()
        options.shardBytes = 6000
        options.frameBytes = 700
        options.dictionaryBytes = 0
        return options
    }

    @Test func theDataIsEqualAndTheShardsAreFewer() throws {
        let temporary = try TemporaryStore()
        let store = temporary.store
        let sample = SampleData(documents: 500, queries: 40, seed: 71)
        let before = try sample.commit(to: store, options: Self.small())
        #expect(before.manifest.documents.shards.count > 10)
        let planned = try store.compact("sample", tool: "test 1", isDryRun: true)
        #expect(planned.isNeeded)
        #expect(planned.after == nil)
        #expect(try store.dataset("sample").digest == before.digest)

        let report = try store.compact("sample", tool: "test 1")
        let after = try store.dataset("sample")
        #expect(report.after == after.digest)
        #expect(after.digest != before.digest)
        #expect(after.manifest.logicalDigest == before.manifest.logicalDigest)
        #expect(after.manifest.documents.shards.count == 1)
        #expect(after.manifest.documents.dictionaries.count == 1)
        #expect(after.manifest.documents.storedBytes < before.manifest.documents.storedBytes)
        #expect(report.tables[0].bytesAfter < report.tables[0].bytesBefore)
        // Shared with the old version.
        #expect(after.manifest.documents.idIndex == before.manifest.documents.idIndex)
        #expect(after.manifest.positives == before.manifest.positives)
        #expect(after.manifest.provenance.parents == [before.digest])
        for (ordinal, document) in sample.documents.enumerated() {
            #expect(try after.document(ordinal) == document)
            #expect(try after.documentOrdinal(id: document.id) == ordinal)
        }
        for ordinal in sample.queries.indices {
            #expect(try after.positives.map { try Array($0.targets(of: ordinal)) } == sample.positives[ordinal])
        }
        #expect(try store.verify(level: .full).findings.isEmpty)

        // Once more there is nothing to do, and nothing is done.
        let again = try store.compact("sample", tool: "test 1")
        #expect(!again.isNeeded)
        #expect(again.after == nil)
        #expect(try store.dataset("sample").digest == after.digest)
    }

    @Test func anotherNameLeavesTheOldOne() throws {
        let temporary = try TemporaryStore()
        let store = temporary.store
        let before = try SampleData(documents: 200, queries: 9, seed: 72).commit(to: store, options: Self.small())
        let report = try store.compact("sample", as: "sample@compact", tool: "test 1")
        #expect(try store.dataset("sample").digest == before.digest)
        #expect(try store.dataset("sample@compact").digest == report.after)
        #expect(try store.lineage(of: "sample@compact").map(\.digest) == [report.after, before.digest])
    }

    @Test func frameBytesRewritesWhateverTheShardsAre() throws {
        let temporary = try TemporaryStore()
        let store = temporary.store
        let before = try SampleData(documents: 400, queries: 9, seed: 73).commit(to: store)
        #expect(try !store.compact("sample", tool: "test 1").isNeeded)
        var large = WriterOptions()
        large.frameBytes = 1 << 16
        let report = try store.compact("sample", tool: "test 1", isForced: true, options: large)
        let after = try store.dataset("sample")
        #expect(report.after == after.digest)
        #expect(after.manifest.documents.shards[0].frameCount < before.manifest.documents.shards[0].frameCount / 4)
        #expect(after.manifest.logicalDigest == before.manifest.logicalDigest)
        // The same again would give the same bytes.
        #expect(try store.compact("sample", tool: "test 1", isForced: true, options: large).after == nil)
    }

    @Test func aNameThatIsMovedMeanwhileIsNotMovedBack() throws {
        let temporary = try TemporaryStore()
        let store = temporary.store
        try SampleData(documents: 200, queries: 9, seed: 74).commit(to: store, options: Self.small())
        let newer = SampleData(documents: 20, queries: 2, seed: 75)
        let observed = try Store(opening: store.root) { step in
            guard step == "blobs published", let other = try? Store(opening: store.root) else { return }
            _ = try? newer.commit(to: other)
        }
        let failure = #expect(throws: Failure.self) { try observed.compact("sample", tool: "test 1") }
        #expect(failure?.exitStatus == .locked)
        #expect(try store.dataset("sample").documentCount == 20)
    }

    @Test func damagedRecordsAreNotRewritten() throws {
        let temporary = try TemporaryStore()
        let store = temporary.store
        let before = try SampleData(documents: 200, queries: 9, seed: 76).commit(to: store, options: Self.small())
        let path = store.path(of: before.manifest.documents.shards[1].blob.digest)
        var bytes = try Files.readAll(path)
        // Enough of a frame that it cannot decode to the same records, as it may with a single bit.
        for position in 200..<216 { bytes[position] ^= 0x55 }
        try Files.replace(path, with: bytes)
        #expect(throws: DamagedBlob.self) { try store.compact("sample", tool: "test 1") }
        #expect(try store.dataset("sample").digest == before.digest)
        #expect(try temporary.tmpIsEmpty())
    }
}
