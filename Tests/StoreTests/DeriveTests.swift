import Base
import StoreMaintenance
import JSON
import Store
import StoreFormat
import Testing
import TestKit

@Suite struct DeriveTests {
    @Test func keepsQueriesAndSharesDocuments() throws {
        let sample = SampleData(documents: 200, queries: 50, seed: 3)
        let temporary = try TemporaryStore()
        let parent = try sample.commit(to: temporary.store)
        let kept = [40, 3, 17, 0]
        let child = try temporary.store.derive(
            from: parent, reference: "sample@filtered", keepingQueries: kept, provenance: Provenance(tool: "test 1"))
        #expect(child.manifest.documents == parent.manifest.documents)
        #expect(child.manifest.provenance.parents == [parent.digest])
        #expect(child.queryCount == kept.count)
        for (ordinal, old) in kept.enumerated() {
            #expect(try child.query(ordinal) == sample.queries[old])
            #expect(try child.queryOrdinal(id: sample.queries[old].id) == ordinal)
            #expect(try Array(#require(child.positives).targets(of: ordinal)) == sample.positives[old])
            #expect(try Array(#require(child.negatives).targets(of: ordinal)) == sample.negatives[old])
            let links = try #require(child.judgements(split: "test"))
            let expected = sample.judgements.filter { $0.0 == "test" && $0.1 == old }.map { UInt32($0.2) }
            #expect(try Array(links.targets(of: ordinal)) == expected)
        }
        #expect(try child.queryOrdinal(id: sample.queries[1].id) == nil)
        #expect(try temporary.store.dataset("sample").digest == parent.digest)
        #expect(try temporary.store.verify(level: .full).findings.isEmpty)
    }

    @Test func replacesLinks() throws {
        let sample = SampleData(documents: 100, queries: 20, seed: 4)
        let temporary = try TemporaryStore()
        let parent = try sample.commit(to: temporary.store)
        let mined = try temporary.store.linksWriter(hasScores: true)
        for query in 0..<20 { try mined.append(targets: [UInt32(query), 99], scores: [Float(query) / 2, -1]) }
        let child = try temporary.store.derive(
            from: parent, reference: "sample@mined", negatives: mined, provenance: Provenance(tool: "test 1"))
        #expect(child.manifest.queries == parent.manifest.queries)
        #expect(child.manifest.positives == parent.manifest.positives)
        #expect(child.manifest.judgements == parent.manifest.judgements)
        let negatives = try #require(child.negatives)
        #expect(try Array(negatives.targets(of: 7)) == [7, 99])
        #expect(try #require(try negatives.scores(of: 7)).elementsEqual([3.5, -1]))
        #expect(child.manifest.logicalDigest != parent.manifest.logicalDigest)
    }

    @Test func lineageKnowsWhenAVersionThatLostItsNameWasCommitted() throws {
        let temporary = try TemporaryStore()
        let parent = try SampleData(documents: 10, queries: 5, seed: 6).commit(to: temporary.store)
        let child = try temporary.store.derive(
            from: parent, reference: "sample", keepingQueries: [1], provenance: Provenance(tool: "test 2"))
        let versions = try temporary.store.lineage(of: "sample")
        #expect(versions.map(\.digest) == [child.digest, parent.digest])
        #expect(versions.map(\.references) == [["sample"], []])
        let time = try #require(versions[1].createdAt)
        #expect(time == (try temporary.store.reflog().first?.time))
    }

    @Test func refusesWhatDoesNotFit() throws {
        let temporary = try TemporaryStore()
        let parent = try SampleData(documents: 10, queries: 5, seed: 5).commit(to: temporary.store)
        let tooFar = try temporary.store.linksWriter(hasScores: false)
        for _ in 0..<5 { try tooFar.append(targets: [10]) }
        #expect(throws: Failure.self) {
            try temporary.store.derive(
                from: parent, reference: "sample@far", positives: tooFar, provenance: Provenance(tool: "test 1"))
        }
        let tooFew = try temporary.store.linksWriter(hasScores: false)
        try tooFew.append(targets: [1])
        #expect(throws: Failure.self) {
            try temporary.store.derive(
                from: parent, reference: "sample@few", positives: tooFew, provenance: Provenance(tool: "test 1"))
        }
        #expect(throws: DuplicateIDs.self) {
            try temporary.store.derive(
                from: parent, reference: "sample@twice", keepingQueries: [1, 1], provenance: Provenance(tool: "test 1"))
        }
        #expect(try temporary.store.references().map(\.name) == ["sample"])
    }
}
