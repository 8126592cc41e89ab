import Base
import Store
import Examples
import SystemPackage
import Testing

@Suite("Examples from a store")
struct ExampleSourceTests {
    @Test("an epoch has every query once, with its own positives and negatives")
    func epoch() throws {
        let world = try SmallWorld()
        let source = try world.source()
        let part = source.parts[0]
        let examples = try (0..<40 as Range<UInt64>).map(source.example)
        #expect(Set(examples.map(\.query)) == Set(0..<40))
        for example in examples {
            let documents = example.passages.map(\.document)
            #expect(documents.count == 4 && Set(documents).count == 4)
            let positives = try Array(#require(part.dataset.positives).targets(of: example.query)).map(Int.init)
            let negatives = try Array(#require(part.dataset.negatives).targets(of: example.query)).map(Int.init)
            #expect(positives.contains(documents[0]))
            #expect(Set(documents.dropFirst()).isSubset(of: negatives))
        }
        // Two positives a query: the next epoch takes the other one.
        let next = try (40..<80 as Range<UInt64>).map(source.example)
        for example in examples {
            let again = try #require(next.first { $0.query == example.query })
            #expect(again.passages[0].document != example.passages[0].document)
        }
    }

    /// Queries have two positives.
    @Test(
        "further positives take the places of negatives, and what a query lacks is made up of these",
        arguments: [1, 2, 3, 4])
    func severalPositives(wanted: Int) throws {
        let world = try SmallWorld()
        let source = try world.source { $0.positivesPerQuery = wanted }
        let taken = min(wanted, 2)
        for slot in 0..<40 as Range<UInt64> {
            let example = try source.example(at: slot)
            let documents = example.passages.map(\.document)
            let positives = try Array(#require(source.parts[0].dataset.positives).targets(of: example.query)).map(
                Int.init)
            let negatives = try Array(#require(source.parts[0].dataset.negatives).targets(of: example.query)).map(
                Int.init)
            #expect(example.positiveCount == taken && documents.count == 4 && Set(documents).count == 4)
            #expect(Set(documents.prefix(taken)).isSubset(of: positives))
            #expect(Set(documents.dropFirst(taken)).isSubset(of: negatives))
        }
    }

    @Test("negatives are short by what positives do not make up", arguments: [1, 2])
    func shortageBesidePositives(negativeCount: Int) throws {
        var quirks = SmallWorld.Quirks()
        quirks.negativeCount = negativeCount
        let world = try SmallWorld(quirks)
        func source(_ shortage: ExampleOptions.Shortage) throws -> ExampleSource {
            try world.source { ($0.positivesPerQuery, $0.shortage) = (3, shortage) }
        }
        #expect(try source(.keep).parts[0].counts.shortOfNegatives == (negativeCount == 1 ? 40 : 0))
        #expect(try source(.keep).example(at: 3).passages.count == 2 + negativeCount)
        #expect(try source(.fill).example(at: 3).passages.count == 4)
        guard negativeCount == 1 else { return }
        let error = try #require(throws: Failure.self) { try source(.error) }
        #expect(error.description.contains("40 of 40 queries have too few negatives to make 4 passages"))
    }

    @Test("content is title, space, text, or the text where there is no title; media count where they are read")
    func content() throws {
        let world = try SmallWorld()
        let source = try world.source()
        for slot in 0..<10 as Range<UInt64> {
            for passage in try source.example(at: slot).passages {
                let record = try source.parts[0].dataset.document(passage.document)
                let text = try #require(record.text)
                #expect(passage.content == ContentHash.of((record.title.map { $0 + [0x20] } ?? []) + text))
            }
        }
    }

    @Test("documents of one image are equal for a model that sees it, and of several are not")
    func contentOfMedia() throws {
        var quirks = SmallWorld.Quirks()
        quirks.images = [3: "cat.png", 4: "cat.png", 5: "dog.png"]
        quirks.documentTexts = [3: "a", 4: "a", 5: "a", 6: "a"]
        let world = try SmallWorld(quirks)
        for readsMedia in [false, true] {
            let source = try world.source { $0.readsMedia = readsMedia }
            var contents: [Int: ContentHash] = [:]
            for slot in 0..<200 as Range<UInt64> {
                for passage in try source.example(at: slot).passages { contents[passage.document] = passage.content }
            }
            let cat = try #require(contents[3])
            #expect(contents[4] == cat)
            #expect((contents[5] == cat) == !readsMedia)
            #expect((contents[6] == cat) == !readsMedia)
        }
    }

    @Test("queries without positives: refused with their count, or skipped and counted")
    func withoutPositives() throws {
        var quirks = SmallWorld.Quirks()
        quirks.withoutPositives = [0, 7, 39]
        let world = try SmallWorld(quirks)
        let error = try #require(throws: Failure.self) { try world.source() }
        #expect(error.exitStatus == .badData)
        #expect(error.description.contains("3 of 40 queries") && error.description.contains("\"q0\""))
        let source = try world.source { $0.withoutPositives = .skip }
        #expect(source.parts[0].counts.withoutPositives == 3 && source.parts[0].exampleCount == 37)
        let queries = try (0..<37 as Range<UInt64>).map { try source.example(at: $0).query }
        #expect(Set(queries) == Set(0..<40).subtracting([0, 7, 39]))
    }

    @Test("too few negatives: kept as they are, filled from the corpus, or refused", arguments: [0, 1, 2])
    func shortage(count: Int) throws {
        var quirks = SmallWorld.Quirks()
        quirks.negativeCount = count
        let world = try SmallWorld(quirks)
        let kept = try world.source()
        #expect(kept.parts[0].counts.shortOfNegatives == 40)
        #expect(kept.parts[0].counts.withoutNegatives == (count == 0 ? 40 : 0))
        #expect(try kept.example(at: 3).passages.count == 1 + count)

        let filled = try world.source { $0.shortage = .fill }
        let again = try world.source { $0.shortage = .fill }
        for slot in 0..<40 as Range<UInt64> {
            let example = try filled.example(at: slot)
            let documents = example.passages.map(\.document)
            #expect(documents.count == 4 && Set(documents).count == 4)
            let positives = try Array(#require(filled.parts[0].dataset.positives).targets(of: example.query))
            #expect(Set(documents.dropFirst()).isDisjoint(with: positives.map(Int.init)))
            #expect(try again.example(at: slot).passages.map(\.document) == documents)
        }
        let error = try #require(throws: Failure.self) {
            try world.source { $0.shortage = .error }
        }
        #expect(error.description.contains("40 of 40 queries have fewer than 3 negatives"))
    }

    @Test(
        "links whose header does not count, as they once were written, are counted and read alike", arguments: [0, 4])
    func uncountedLinks(negativeCount: Int) throws {
        var quirks = SmallWorld.Quirks()
        quirks.negativeCount = negativeCount
        let world = try SmallWorld(quirks)
        let source = try world.source()
        let expected = try oneByOne(source, 0..<60)
        let manifest = source.parts[0].dataset.manifest
        for table in [manifest.positives, manifest.negatives].compactMap({ $0 }) {
            let path = world.path(of: table.blob)
            var bytes = try Files.readAll(path)
            for place in 104..<4096 { bytes[place] = 0 }
            let checksum = bytes[..<4088].withUnsafeBytes { XXH3.hash64($0) }
            withUnsafeBytes(of: checksum.littleEndian) { bytes.replaceSubrange(4088..<4096, with: $0) }
            try Files.remove(path)
            var output = try OutputFile(creating: path)
            try output.write(bytes)
            try output.close()
        }
        let uncounted = try world.source()
        #expect(try #require(uncounted.parts[0].dataset.positives).queriesByLinkCount.isEmpty)
        #expect(uncounted.parts[0].counts == source.parts[0].counts)
        #expect(try oneByOne(uncounted, 0..<60) == expected)
    }
}
