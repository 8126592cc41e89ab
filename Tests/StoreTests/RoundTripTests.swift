import Base
import JSON
import Records
import Store
import StoreFormat
import SystemPackage
import Testing
import TestKit

@Suite struct RoundTripTests {
    static let options: [WriterOptions] = {
        var plain = WriterOptions()
        plain.dictionaryBytes = 0
        var tiny = WriterOptions()
        tiny.shardBytes = 20_000
        tiny.frameBytes = 300
        tiny.sampleBytes = 200_000
        tiny.sampledBytes = 300_000
        var fewRecords = WriterOptions()
        fewRecords.recordsPerShard = 7
        fewRecords.workers = 1
        var large = WriterOptions()
        large.frameBytes = 1 << 16
        large.workers = 3
        return [WriterOptions(), plain, tiny, fewRecords, large]
    }()

    @Test(arguments: [(0, 0), (1, 0), (0, 1), (1, 1), (700, 90)], Array(options.indices))
    func everythingComesBack(size: (Int, Int), option: Int) throws {
        let sample = SampleData(documents: size.0, queries: size.1, seed: UInt64(option))
        let temporary = try TemporaryStore()
        let written = try sample.commit(to: temporary.store, options: Self.options[option])
        let dataset = try Store(opening: temporary.store.root).dataset("sample")
        #expect(dataset.digest == written.digest)
        #expect(dataset.documentCount == size.0)
        #expect(dataset.queryCount == size.1)
        for (ordinal, document) in sample.documents.enumerated() {
            #expect(try dataset.document(ordinal) == document)
            #expect(try dataset.documentRecord(ordinal) == SampleData.line(document))
            #expect(try dataset.documentOrdinal(id: document.id) == ordinal)
            #expect(try dataset.documentID(ordinal) == document.id)
        }
        for (ordinal, query) in sample.queries.enumerated() {
            #expect(try dataset.query(ordinal) == query)
            #expect(try dataset.queryOrdinal(id: query.id) == ordinal)
            #expect(
                try Array(dataset.positives?.targets(of: ordinal) ?? .init(start: nil, count: 0))
                    == sample.positives[ordinal])
            #expect(
                try Array(dataset.negatives?.targets(of: ordinal) ?? .init(start: nil, count: 0))
                    == sample.negatives[ordinal])
        }
        #expect(try dataset.documentOrdinal(id: Array("absent".utf8)) == nil)
        #expect(try dataset.documentOrdinal(id: []) == nil)
        var seen = 0
        try dataset.forEachDocumentRecord(in: 0..<dataset.documentCount) { ordinal, line in
            #expect(ordinal == seen)
            #expect(line.elementsEqual(SampleData.line(sample.documents[ordinal])))
            seen += 1
        }
        #expect(seen == size.0)
        #expect(try temporary.tmpIsEmpty())
    }

    @Test func judgementsComeBackSorted() throws {
        var sample = SampleData(documents: 300, queries: 60, seed: 9)
        let expected = sample.judgements.sorted { ($0.0, $0.1, $0.2) < ($1.0, $1.1, $1.2) }
        var random = SplitMix64(seed: 10)
        sample.judgements.shuffle(using: &random)
        let temporary = try TemporaryStore()
        let dataset = try sample.commit(to: temporary.store)
        #expect(dataset.judgements.map(\.split) == ["dev", "test"])
        var found: [(String, Int, Int, Float)] = []
        for (split, links) in dataset.judgements {
            for query in 0..<links.queryCount {
                let grades = try #require(try links.scores(of: query))
                for (target, grade) in zip(try links.targets(of: query), grades) {
                    found.append((split, query, Int(target), grade))
                }
            }
        }
        #expect(found.elementsEqual(expected) { $0 == $1 })
        #expect(dataset.judgements(split: "test") != nil)
        #expect(dataset.judgements(split: "train") == nil)
    }
}
