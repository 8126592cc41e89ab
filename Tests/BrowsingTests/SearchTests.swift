import Base
import JSON
import Records
import TestKit
import Testing

@Suite("Search and paging")
struct SearchTests {
    /// More queries than one request looks at.
    static let count = 45_000

    static func store() throws -> BrowsedStore {
        let store = try BrowsedStore()
        let words = ["Grace", "mountain", "RIVER", "covenant", "Straße", "ÉCOLE", "people"]
        var random = SplitMix64(seed: 9)
        let queries = (0..<count).map { number in
            let word = words[Int(random.next(below: UInt64(words.count)))]
            return Query(
                id: bytes(number == 44_321 ? "the river id" : "q\(number)"),
                text: number % 1000 == 0 ? nil : bytes("\(word) number \(number)"), image: MediaReference(name: "x"))
        }
        try store.commit(
            [Document(id: bytes("d"), title: bytes("River of title"), text: bytes("text"))], queries,
            positives: (0..<count).map { $0 % 3 == 0 ? [.init(document: 0)] : [] },
            negatives: (0..<count).map { $0 % 20_000 == 19_999 ? [.init(document: 0)] : [] })
        return store
    }

    /// All pages of a list: the records, how often it was asked, and the most that one request looked at.
    private func pages(_ server: RunningServer, _ query: String) throws -> (ordinals: [Int], count: Int, most: Int) {
        var ordinals: [Int] = []
        var from: Int? = 0
        var count = 0
        var most = 0
        while let start = from {
            let page = try server.json("/api/queries?\(query)&from=\(start)")
            ordinals += try #require(page["items"]?.array).compactMap { $0["ordinal"]?.integer }
            let end = try #require(page["searched"]?.integer)
            #expect(page["from"] == JSONValue(start) && page["total"] == JSONValue(Self.count))
            most = max(most, end - start)
            count += 1
            from = page["next"]?.integer
            if let from { #expect(from == end && from > start) } else { #expect(end == Self.count) }
        }
        return (ordinals, count, most)
    }

    @Test("the union of the pages is all that matches, each once and in order, and every request is bounded")
    func union() throws {
        let store = try Self.store()
        let dataset = try store.store.dataset("sample")
        let server = try store.serve()
        let queries = try (0..<Self.count).map { try dataset.query($0) }
        func expected(_ needle: String) -> [Int] {
            queries.indices.filter { ordinal in
                let query = queries[ordinal]
                return [query.id, query.text ?? []].contains {
                    String(decoding: $0, as: UTF8.self).lowercased().contains(needle.lowercased())
                }
            }
        }
        for (needle, escaped) in [
            ("river", "river"), ("RIVER", "RIVER"), ("number 44", "number%2044"), ("q1234", "q1234"),
            ("straße", "stra%C3%9Fe"), ("école", "%c3%a9cole"), ("École", "%c3%89cole"), ("not there", "not%20there"),
        ] {
            let found = try pages(server, "search=\(escaped)&limit=200")
            #expect(found.ordinals == expected(needle), "\(needle)")
            #expect(found.most <= 20_000 && found.count >= 3, "\(needle)")
        }
        #expect(try pages(server, "limit=200").ordinals == Array(0..<Self.count))
        let few = try pages(server, "filter=negatives")
        #expect(few.ordinals == [19_999, 39_999] && few.count == 1)
        let both = try pages(server, "search=grace&filter=without-positives&limit=200")
        #expect(both.ordinals == expected("grace").filter { $0 % 3 != 0 })
        #expect(try pages(server, "filter=positives&limit=200").ordinals == (0..<Self.count).filter { $0 % 3 == 0 })
    }

    @Test("a record is found by its id at once, wherever it stands")
    func exactID() throws {
        let store = try Self.store()
        let server = try store.serve()
        let page = try server.json("/api/queries?search=the%20river%20id")
        #expect(page["exact"]?["ordinal"] == 44_321 && page["items"] == [] && page["next"] == 20_000)
        #expect(try server.json("/api/queries?search=THE%20river%20id")["exact"] == nil)
        #expect(try server.json("/api/queries?search=the%20river%20id&from=40000")["items"]?.array?.count == 1)
        #expect(try server.json("/api/queries/find?id=q44999")["ordinal"] == 44_999)
    }

    @Test("documents are found by title, text and id, and a line shows where")
    func documents() throws {
        let store = try BrowsedStore()
        let far = String(repeating: "é ", count: 4000) + "the Needle in it" + String(repeating: " hay", count: 400)
        try store.commit(
            [
                Document(id: bytes("a"), title: bytes("A Needle"), text: bytes("nothing")),
                Document(id: bytes("needle-2"), text: bytes("nothing")),
                Document(id: bytes("c"), text: bytes(far)), Document(id: bytes("d"), text: bytes("nothing")),
            ], [])
        let server = try store.serve()
        let items = try #require(try server.json("/api/documents?search=nEEDLE")["items"]?.array)
        #expect(items.map { $0["ordinal"]?.integer } == [0, 1, 2])
        let line = try #require(items[2]["line"]?.string)
        #expect(line.contains("the Needle in it") && line.hasPrefix("…") && line.hasSuffix("…"))
        #expect(try server.json("/api/queries")["total"] == 0)
    }
}
