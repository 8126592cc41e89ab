import Base
import Testing
import Training

@Suite("Examples from a store")
struct ExampleSourceTests {
    @Test("an epoch has every query once, with its own positives and negatives")
    func epoch() throws {
        let world = try TinyWorld()
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

    @Test("documents are rendered as title, space, text, and as text where there is no title")
    func rendering() throws {
        let world = try TinyWorld()
        let source = try world.source()
        for slot in 0..<10 as Range<UInt64> {
            for passage in try source.example(at: slot).passages {
                let record = try source.parts[0].dataset.document(passage.document)
                let text = try #require(record.text)
                #expect(passage.text == (record.title.map { $0 + [0x20] } ?? []) + text)
                #expect(passage.content == ContentHash.of(passage.text))
            }
        }
    }

    @Test("queries without positives: refused with their count, or skipped and counted")
    func withoutPositives() throws {
        var quirks = TinyWorld.Quirks()
        quirks.withoutPositives = [0, 7, 39]
        let world = try TinyWorld(quirks)
        let error = try #require(throws: Failure.self) { try world.source() }
        #expect(error.exitStatus == .badData)
        #expect(error.description.contains("3 of 40 queries") && error.description.contains("\"q0\""))
        let source = try world.source(["without_positives=skip"])
        #expect(source.parts[0].counts.withoutPositives == 3 && source.parts[0].exampleCount == 37)
        let queries = try (0..<37 as Range<UInt64>).map { try source.example(at: $0).query }
        #expect(Set(queries) == Set(0..<40).subtracting([0, 7, 39]))
    }

    @Test("too few negatives: kept as they are, filled from the corpus, or refused", arguments: [0, 1, 2])
    func shortage(count: Int) throws {
        var quirks = TinyWorld.Quirks()
        quirks.negativeCount = count
        let world = try TinyWorld(quirks)
        let kept = try world.source()
        #expect(kept.parts[0].counts.shortOfNegatives == 40)
        #expect(kept.parts[0].counts.withoutNegatives == (count == 0 ? 40 : 0))
        #expect(try kept.example(at: 3).passages.count == 1 + count)

        let filled = try world.source(["shortage=fill"])
        let again = try world.source(["shortage=fill"])
        for slot in 0..<40 as Range<UInt64> {
            let example = try filled.example(at: slot)
            let documents = example.passages.map(\.document)
            #expect(documents.count == 4 && Set(documents).count == 4)
            let positives = try Array(#require(filled.parts[0].dataset.positives).targets(of: example.query))
            #expect(Set(documents.dropFirst()).isDisjoint(with: positives.map(Int.init)))
            #expect(try again.example(at: slot).passages.map(\.document) == documents)
        }
        let error = try #require(throws: Failure.self) { try world.source(["shortage=error"]) }
        #expect(error.description.contains("40 of 40 queries have fewer than 3 negatives"))
    }

    @Test("known positives and equal texts are masked, nothing else; and nothing where the mix says so")
    func masking() throws {
        var quirks = TinyWorld.Quirks()
        // Few documents: queries share positives, and negatives of one are positives of another.
        quirks.documentCount = 24
        quirks.repeatedDocuments = [13, 17]
        let world = try TinyWorld(quirks)
        let plan = try world.plan()
        let open = try world.plan(["mask_known_positives=false"])
        var maskedCount = 0
        for step in 0..<5 {
            let batch = try plan.batches(step: step)[0]
            let slots = ExampleOrder.slots(step: UInt64(step), slotsPerStep: 8)
            let examples = try slots.map(plan.source.example)
            let passages = examples.flatMap(\.passages)
            let part = plan.source.parts[0]
            for (number, example) in examples.enumerated() {
                let positives = try Array(#require(part.dataset.positives).targets(of: example.query))
                let contents = try Set(
                    positives.map { target in
                        let record = try part.dataset.document(Int(target))
                        return (record.title.map { $0 + [0x20] } ?? []) + record.text!
                    })
                for (row, passage) in passages.enumerated() where row != batch.positives[number] {
                    let isKnown = contents.contains(passage.text)
                    #expect(batch.excluded[number].contains(row) == isKnown)
                    maskedCount += isKnown ? 1 : 0
                }
                #expect(!batch.excluded[number].contains(batch.positives[number]))
            }
            #expect(try open.batches(step: step)[0].excluded.isEmpty)
        }
        #expect(maskedCount > 20)
    }

    @Test("a mix of two datasets keeps its weights, and prompts go to their own dataset")
    func mixture() throws {
        let world = try TinyWorld()
        var quirks = TinyWorld.Quirks()
        quirks.queryCount = 10
        try world.add("small", quirks)
        let source = try world.source([
            "datasets=[{name: tiny, weight: 3}, {name: small, weight: 1, prompts: {query: 'ba ba '}}]"
        ])
        let parts = try (0..<32 as Range<UInt64>).map { try source.example(at: $0).entry.part }
        #expect(parts.count { $0 == 0 } == 24 && parts.count { $0 == 1 } == 8)
        let plan = try world.plan([
            "datasets=[{name: tiny, weight: 3}, {name: small, weight: 1, prompts: {query: 'ba ba '}}]"
        ])
        #expect(plan.sides[0].query.prompt == "" && plan.sides[1].query.prompt == "ba ba ")
        let batch = try plan.batches(step: 0)[0]
        let prompt = plan.start.tokenize(Array("ba ba".utf8), as: .query).dropLast()
        for (number, slot) in ExampleOrder.slots(step: 0, slotsPerStep: 8).enumerated() {
            let isSmall = try source.example(at: slot).entry.part == 1
            let tokens = batch.texts[batch.queryRows[number]]
            #expect(tokens.starts(with: prompt) == isSmall)
        }
    }

    @Test("epochs are passes over all examples")
    func epochs() throws {
        let world = try TinyWorld()
        let mix = try Mix(
            yaml: "model: m\ndatasets: [{name: tiny}]\nepochs: 1.5\nqueries_per_step: 32", path: "m.yaml")
        #expect(try ExampleSource(mix, store: world.store).stepCount == 2)
    }

    @Test("texts that are cut are counted")
    func truncation() throws {
        let world = try TinyWorld()
        #expect(try world.plan().batches(step: 0)[0].truncatedCount == 0)
        let cut = try world.plan(["max_lengths={query: 4, document: 4}"]).batches(step: 0)[0]
        #expect(cut.truncatedCount > 30)
        #expect(cut.texts.allSatisfy { $0.count <= 4 })
    }
}
