import Base
import StoreMaintenance
import Store
import StoreFormat
import SystemPackage
import Testing
import TestKit

/// The ways that only large datasets take, taken with small ones: the bytes must be the same.
@Suite struct BoundedMemoryTests {
    /// Many short records with ids alone.
    static func fill(_ writer: DatasetWriter, documents: Int, queries: Int, seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        for number in 0..<documents {
            let id = Array("\(random.next() % 1000)/\(number)".utf8)
            let line = Array("{\"docid\":\"".utf8) + id + Array("\"}".utf8)
            _ = try id.withUnsafeBytes { id in
                try line.withUnsafeBytes { try writer.appendDocument(id: id, record: $0) }
            }
        }
        for number in 0..<queries {
            let id = Array("q\(number)".utf8)
            let line = Array("{\"query_id\":\"".utf8) + id + Array("\"}".utf8)
            let positives = (0..<random.next(below: 4)).map { _ in UInt32(random.next(below: UInt64(documents))) }
            _ = try id.withUnsafeBytes { id in
                try line.withUnsafeBytes {
                    try writer.appendQuery(id: id, record: $0, positives: positives, negatives: [])
                }
            }
        }
        // Each pair once, in an order that has nothing to do with the queries.
        let pairs = UInt64(queries * 3)
        let order = Permutation(count: pairs, seed: seed)
        for number in 0..<pairs {
            let pair = Int(order[number])
            try writer.addJudgement(
                split: "test", query: pair / 3, document: pair % 3 * 7 + pair % 11, grade: Float(pair % 5))
        }
    }

    @Test(arguments: [(1, 0), (37, 3), (30_000, 9000)]) func partitionsChangeNothing(size: (Int, Int)) throws {
        let temporary = try TemporaryStore()
        var small = WriterOptions()
        small.keysPerPartition = max(4, size.0 / 20)
        small.judgementsPerRun = 1000
        let manifests = try [WriterOptions(), small].enumerated().map { number, options in
            let writer = try temporary.store.writer(
                reference: "sample", provenance: Provenance(tool: "test 1"), options: options)
            try Self.fill(writer, documents: max(size.0, 40), queries: size.1, seed: 51)
            return try writer.commit().manifest
        }
        #expect(manifests[0] == manifests[1])
        let dataset = try temporary.store.dataset("sample")
        #expect(try temporary.store.verify(level: .full).findings.isEmpty)
        for ordinal in stride(from: 0, to: dataset.documentCount, by: 97) {
            #expect(try dataset.documentOrdinal(id: dataset.documentID(ordinal)) == ordinal)
        }
        if let links = dataset.judgements(split: "test") {
            #expect(links.linkCount == size.1 * 3)
            for query in 0..<links.queryCount {
                let expected = (0..<3).map { offset in
                    let pair = query * 3 + offset
                    return (UInt32(pair % 3 * 7 + pair % 11), Float(pair % 5))
                }.sorted { $0.0 < $1.0 }
                let grades = try #require(try links.scores(of: query))
                #expect(try links.targets(of: query).elementsEqual(expected.map(\.0)))
                #expect(grades.elementsEqual(expected.map(\.1)))
            }
        }
    }

    @Test func duplicatesInDifferentPartitionsAreAllFound() throws {
        let temporary = try TemporaryStore()
        var options = WriterOptions()
        options.keysPerPartition = 100
        let writer = try temporary.store.writer(
            reference: "sample", provenance: Provenance(tool: "test 1"), options: options)
        for number in 0..<3000 {
            // 1,000 ids, each three times.
            let id = Array("d\(number % 1000)".utf8)
            let line = Array("{\"docid\":\"".utf8) + id + Array("\"}".utf8)
            _ = try id.withUnsafeBytes { id in
                try line.withUnsafeBytes { try writer.appendDocument(id: id, record: $0) }
            }
        }
        let error = #expect(throws: DuplicateIDs.self) { try writer.commit() }
        #expect(error?.count == 2000)
        #expect(error?.offenders.map(\.second) == Array(1000..<1010))
        #expect(error?.offenders.map(\.first) == Array(0..<10))
        #expect(error?.description.contains("and 1990 more") == true)
    }

    /// The last query's empty list lies at the very end of the last page.
    @Test(arguments: [8190, 8191, 8192, 16_383]) func listsEndWithThePage(queryCount: Int) throws {
        let temporary = try TemporaryStore()
        let parent = try SampleData(documents: 4, queries: 0, seed: 1).commit(to: temporary.store)
        let writer = try temporary.store.writer(reference: "many", provenance: Provenance(tool: "test 1"))
        try SampleData(documents: 4, queries: 0, seed: 1).append(to: writer)
        for number in 0..<queryCount {
            let id = Array("q\(number)".utf8)
            let line = Array("{\"query_id\":\"".utf8) + id + Array("\"}".utf8)
            _ = try id.withUnsafeBytes { id in
                try line.withUnsafeBytes {
                    try writer.appendQuery(
                        id: id, record: $0, positives: number < 2 ? [UInt32(number)] : [], negatives: [])
                }
            }
        }
        let dataset = try writer.commit()
        let positives = try #require(dataset.positives)
        #expect(try Array(positives.targets(of: 1)) == [1])
        #expect(try positives.targets(of: queryCount - 1).isEmpty)
        #expect(dataset.manifest.documents.logicalDigest == parent.manifest.documents.logicalDigest)
        #expect(dataset.negatives == nil)
    }
}
