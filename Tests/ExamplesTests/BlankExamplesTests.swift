import Base
import Examples
import Records
import Store
import Testing

@Suite("Blank texts in examples")
struct BlankExamplesTests {
    /// Document 0 is a positive of query 0, which has another; 3 and 4 are all positives of query 1; 11 is a negative of
    /// several. Query 7 is blank itself.
    static let quirks: SmallWorld.Quirks = {
        var quirks = SmallWorld.Quirks()
        quirks.documentTexts = [0: "", 3: " \n", 4: "\u{200B}", 11: "\u{FEFF}\t"]
        quirks.queryTexts = [7: "\u{0}"]
        return quirks
    }()

    @Test("encode, the default, takes them as they are: the order is that of a dataset without them")
    func encode() throws {
        let world = try SmallWorld(Self.quirks)
        let source = try world.source()
        let other = try SmallWorld()
        let usual = try other.source()
        #expect(source.parts[0].exampleCount == 40 && source.parts[0].counts.leftOutAsBlank == 0)
        for slot in 0..<120 as Range<UInt64> {
            let (example, expected) = (try source.example(at: slot), try usual.example(at: slot))
            #expect(example.query == expected.query)
            #expect(example.passages.map(\.document) == expected.passages.map(\.document))
            for passage in example.passages where passage.document == 0 {
                #expect(passage.content == ContentHash.of([]))
            }
        }
    }

    @Test("skip leaves them out and counts them: no example has one, and every other query comes once in an epoch")
    func skip() throws {
        let world = try SmallWorld(Self.quirks)
        let source = try world.source { $0.blankTexts = .skip }
        let counts = source.parts[0].counts
        #expect(counts.blankDocuments == 4 && counts.blankQueries == 1 && counts.leftOutAsBlank == 2)
        #expect(source.parts[0].exampleCount == 38)
        let blank: Set = [0, 3, 4, 11]
        for epoch in 0..<4 as Range<UInt64> {
            let examples = try (38 * epoch..<38 * (epoch + 1)).map(source.example)
            #expect(Set(examples.map(\.query)) == Set(0..<40).subtracting([1, 7]))
            for example in examples { #expect(blank.isDisjoint(with: example.passages.map(\.document))) }
        }
        // The same again, from any slot on, and in a reader that reads ahead.
        let again = try world.source { $0.blankTexts = .skip }
        let slots = 17..<90 as Range<UInt64>
        let reader = try ExampleReader(again, slots: slots, options: .init(workers: 2))
        for slot in slots { #expect(try reader.next() == source.example(at: slot)) }
    }

    @Test("skip counts as short of negatives whoever is left with too few, and fill draws no blank document")
    func shortage() throws {
        var quirks = Self.quirks
        quirks.negativeCount = 3
        quirks.documentTexts[5] = ""
        let world = try SmallWorld(quirks)
        // Document 11 is a negative of queries 1, 2 and 3, document 5 of queries 39, 0 and 1; query 1 is left out.
        let kept = try world.source { $0.blankTexts = .skip }
        #expect(kept.parts[0].counts.shortOfNegatives == 4 && kept.parts[0].counts.withoutNegatives == 0)
        let filled = try world.source {
            $0.blankTexts = .skip
            $0.shortage = .fill
        }
        for slot in 0..<76 as Range<UInt64> {
            let documents = try filled.example(at: slot).passages.map(\.document)
            #expect(documents.count == 4 && Set([0, 3, 4, 5, 11]).isDisjoint(with: documents))
        }
        let error = try #require(throws: Failure.self) {
            try world.source {
                $0.blankTexts = .skip
                $0.shortage = .error
            }
        }
        #expect(error.description.contains("4 of 38 queries have fewer than 3 negatives"))
    }

    @Test("error refuses with counts and the first id, but not for documents that nobody links to")
    func refusal() throws {
        let world = try SmallWorld(Self.quirks)
        let error = try #require(throws: Failure.self) { try world.source { $0.blankTexts = .error } }
        #expect(error.exitStatus == .badData)
        #expect(error.description.contains("4 documents and 1 queries") && error.description.contains("\"d0\""))
        #expect(error.description.contains("blank_texts: skip"))
        var quirks = SmallWorld.Quirks()
        quirks.queryCount = 2
        quirks.documentTexts = [100: ""]
        try world.add("unlinked", quirks)
        _ = try world.source([.init("unlinked")]) { $0.blankTexts = .error }
        #expect(throws: Failure.self) {
            try world.source([.init("unlinked")]) {
                $0.blankTexts = .error
                $0.shortage = .fill
            }
        }
    }

    @Test("documents without a text are left out like blank ones, and a dataset of nothing else is refused")
    func withoutText() throws {
        var quirks = SmallWorld.Quirks()
        quirks.withoutText = [3, 4]
        let world = try SmallWorld(quirks)
        let source = try world.source { $0.blankTexts = .skip }
        #expect(source.parts[0].counts.leftOutAsBlank == 1 && source.parts[0].exampleCount == 39)
        for slot in 0..<78 as Range<UInt64> { #expect(try source.example(at: slot).query != 1) }
        for ignoresMedia in [false, true] {
            let refused = try #require(throws: Failure.self) {
                try world.source {
                    $0.blankTexts = .error
                    $0.ignoresMedia = ignoresMedia
                }
            }
            #expect(refused.advice?.contains("blank_texts: skip") == true)
            #expect(refused.advice?.contains("ignore_media") == ignoresMedia, "\(refused)")
        }
        quirks.queryTexts = Dictionary(uniqueKeysWithValues: (0..<40).map { ($0, " ") })
        try world.add("void", quirks)
        let error = try #require(throws: Failure.self) { try world.source([.init("void")]) { $0.blankTexts = .skip } }
        #expect(error.description.contains("no query has a positive document whose text, and its own, are not blank"))
    }
}
