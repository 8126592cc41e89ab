import Base
import Examples
import Records
import Store
import StoreFormat
import Testing
import TestKit

@Suite("Queries with a positive, numbered without a list")
struct LinkedQueriesTests {
    /// Commits queries of which some have links, and opens the links.
    private func links(_ linked: [Bool], _ folder: TemporaryFolder) throws -> Links {
        let store = try Store.create(at: folder("store"))
        let writer = try store.writer(reference: "links", provenance: Provenance(tool: "ExamplesTests"))
        func append(
            _ prefix: String, _ number: Int, _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Void
        )
            throws
        {
            let id = Array("\(number)".utf8)
            let line = Array("{\"\(prefix)\":\"\(number)\"}".utf8)
            try id.withUnsafeBytes { id in try line.withUnsafeBytes { try body(id, $0) } }
        }
        for document in 0..<3 {
            try append("docid", document) { _ = try writer.appendDocument(id: $0, record: $1) }
        }
        for (query, isLinked) in linked.enumerated() {
            try append("query_id", query) {
                _ = try writer.appendQuery(
                    id: $0, record: $1, positives: isLinked ? [UInt32(query % 3)] : [], negatives: [])
            }
        }
        return try #require(try writer.commit().positives)
    }

    @Test(
        "a number is the place among the linked queries", arguments: [1, 2, 7, 1024] as [Int],
        [0.02, 0.5, 0.98] as [Double])
    func select(blockLength: Int, share: Double) throws {
        for (seed, count) in [1, 2, 8, 1023, 1024, 1025, 3000].enumerated() {
            var random = SplitMix64(seed: UInt64(seed), UInt64(blockLength))
            var linked = (0..<count).map { _ in random.nextUnit() < share }
            linked[count / 2] = true
            let links = try links(linked, TemporaryFolder())
            let queries = try LinkedQueries(links, leastBlockLength: blockLength)
            let expected = linked.indices.filter { linked[$0] }
            #expect(queries.count == expected.count)
            #expect(queries.firstWithout == linked.firstIndex(of: false))
            #expect(try (0..<queries.count).map(queries.query) == expected)
        }
    }

    @Test("where all queries are linked, nothing is counted: the header says so")
    func allLinked() throws {
        let links = try links(Array(repeating: true, count: 2000), TemporaryFolder())
        #expect(links.queriesByLinkCount.count == 255)
        #expect(links.queriesByLinkCount[0] == 0 && links.queriesByLinkCount[1] == 2000)
        let queries = try LinkedQueries(links)
        #expect(queries.count == 2000 && queries.firstWithout == nil)
        #expect(try queries.query(1999) == 1999)
    }
}
