import Base
import JSON
import Store
import StoreFormat
import Testing
import TestKit

@Suite struct DeterminismTests {
    @Test func equalInputGivesEqualBlobs() throws {
        let sample = SampleData(documents: 900, queries: 70, seed: 21)
        var few = WriterOptions()
        few.workers = 1
        var many = WriterOptions()
        many.workers = 4
        let first = try TemporaryStore()
        let second = try TemporaryStore()
        let left = try sample.commit(to: first.store, options: few)
        let right = try sample.commit(to: second.store, options: many)
        #expect(left.digest == right.digest)
        #expect(left.manifest == right.manifest)
        #expect(!left.manifest.documents.dictionaries.isEmpty, "the sample must be large enough for a dictionary")
        // All blobs but the OCI manifests, which tell the time.
        let blobs = Set(left.manifest.blobs.map(\.digest.hex)).union([left.digest.hex])
        #expect(try blobs.isSubset(of: Set(first.blobs())))
        #expect(try blobs.isSubset(of: Set(second.blobs())))
    }

    @Test func theLogicalDigestIsThatOfTheData() throws {
        let sample = SampleData(documents: 700, queries: 50, seed: 22)
        let temporary = try TemporaryStore()
        let digests = try RoundTripTests.options.enumerated().map { number, options in
            try sample.commit(to: temporary.store, as: "v\(number)", options: options).manifest
        }
        #expect(Set(digests.map(\.logicalDigest)).count == 1)
        #expect(Set(digests.map { $0.documents.shards.map(\.blob.digest) }).count == digests.count)

        var changes: [SampleData] = []
        var changed = sample
        changed.documents[3].text = Array("another text".utf8)
        changes.append(changed)
        changed = sample
        changed.documents[3].id.append(UInt8(ascii: "x"))
        changes.append(changed)
        changed = sample
        changed.documents.swapAt(3, 4)
        changes.append(changed)
        changed = sample
        changed.positives[7].append(1)
        changes.append(changed)
        changed = sample
        changed.judgements[0].3 += 1
        changes.append(changed)
        changed = sample
        changed.judgements = changed.judgements.map { ($0.0 == "dev" ? "train" : $0.0, $0.1, $0.2, $0.3) }
        changes.append(changed)
        var seen = Set(digests.map(\.logicalDigest))
        for (number, change) in changes.enumerated() {
            let digest = try change.commit(to: temporary.store, as: "c\(number)").manifest.logicalDigest
            #expect(seen.insert(digest).inserted, "change \(number)")
        }
    }

    @Test func contentHashesDisregardIds() throws {
        var sample = SampleData(documents: 5, queries: 0, seed: 23)
        sample.documents[4] = sample.documents[1]
        sample.documents[4].id = Array("another \"id\"".utf8)
        let temporary = try TemporaryStore()
        let dataset = try sample.commit(to: temporary.store)
        #expect(try dataset.documentContentHash(1) == dataset.documentContentHash(4))
        #expect(try dataset.documentContentHash(1) != dataset.documentContentHash(2))
    }

    @Test func manifestsComeBackFromTheirBytes() throws {
        let temporary = try TemporaryStore()
        var provenance = Provenance(
            tool: "test 1", options: ["seed": 7, "names": ["a", "é"]],
            inputs: [.init(uri: "file.jsonl", size: 12, sha256: SHA256Digest.of([1]))],
            parents: [SHA256Digest.of([2])], statistics: ["duplicates": 3])
        provenance.licence = "CC-BY-4.0"
        let writer = try temporary.store.writer(reference: "a/b.c@d-e", provenance: provenance)
        try SampleData(documents: 3, queries: 2, seed: 24).append(to: writer)
        let dataset = try writer.commit()
        #expect(dataset.manifest.provenance == provenance)
        let again = try temporary.store.dataset(dataset.digest.description)
        #expect(again.manifest == dataset.manifest)
        #expect(again.manifest.canonicalBytes == dataset.manifest.canonicalBytes)
    }
}
