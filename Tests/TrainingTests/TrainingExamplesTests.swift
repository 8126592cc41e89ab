import Base
import Examples
import Testing
import Training

@Suite("Examples of a training config")
struct TrainingExamplesTests {
    @Test("known positives and equal texts are masked, nothing else; and nothing where the config says so")
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
                func content(_ document: Int) throws -> [UInt8] {
                    let record = try part.dataset.document(document)
                    return (record.title.map { $0 + [0x20] } ?? []) + record.text!
                }
                let contents = try Set(positives.map { try content(Int($0)) })
                for (row, passage) in passages.enumerated() where row != batch.positives[number] {
                    let isKnown = try contents.contains(content(passage.document))
                    #expect(batch.excluded[number].contains(row) == isKnown)
                    maskedCount += isKnown ? 1 : 0
                }
                #expect(!batch.excluded[number].contains(batch.positives[number]))
            }
            #expect(try open.batches(step: step)[0].excluded.isEmpty)
        }
        #expect(maskedCount > 20)
    }

    @Test("a training config of two datasets keeps its weights, and prompts go to their own dataset")
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
        let prompt = try plan.start.tokenize(Array("ba ba".utf8), as: .query).dropLast()
        for (number, slot) in ExampleOrder.slots(step: 0, slotsPerStep: 8).enumerated() {
            let isSmall = try source.example(at: slot).entry.part == 1
            let tokens = batch.inputs[batch.queryRows[number]].tokens
            #expect(tokens.starts(with: prompt) == isSmall)
        }
    }

    @Test("epochs are passes over all examples")
    func epochs() throws {
        let world = try TinyWorld()
        let config = try TrainingConfig(
            yaml: "model: m\ndatasets: [{name: tiny}]\nepochs: 1.5\nqueries_per_step: 32", path: "m.yaml")
        #expect(
            try config.stepCount(exampleCount: ExampleSource(config, store: world.store).parts[0].exampleCount) == 2)
    }

    @Test("media that the model would not see are refused, or counted where that is wanted")
    func media() throws {
        var quirks = TinyWorld.Quirks()
        quirks.illustrated = Set(0..<120)
        let world = try TinyWorld(quirks)
        let error = try #require(throws: InputError.self) { try world.plan().batches(step: 0) }
        #expect("\(error)".contains("the record has media, and only its text would be read"))
        #expect("\(error)".contains("ignore_media: true"))
        let plan = try world.plan(["ignore_media=true"])
        let batch = try plan.batches(step: 0)[0]
        #expect(batch.ignoredMediaCount == batch.passageRows.count)
        #expect(try DryRun(plan).ignoredMediaCount > 0)
        // Runs of texts keep the locks that they had before there was a choice.
        let texts = try TinyWorld()
        let plain = try texts.plan()
        #expect(try plain.lock.differences(from: texts.plan(["ignore_media=true"]).lock) == ["mix.ignore_media"])
        #expect(try plain.batches(step: 0)[0].ignoredMediaCount == 0)
    }

    @Test("a record without a text is refused by its dataset, number and id")
    func wordless() throws {
        var quirks = TinyWorld.Quirks()
        quirks.wordless = Set(0..<120)
        let world = try TinyWorld(quirks)
        let error = try #require(throws: InputError.self) { try world.plan(["ignore_media=true"]).batches(step: 0) }
        #expect("\(error)".contains("the record has no text") && "\(error)".contains("tiny, document "))
    }

    @Test("texts that are cut are counted")
    func truncation() throws {
        let world = try TinyWorld()
        #expect(try world.plan().batches(step: 0)[0].truncatedCount == 0)
        let cut = try world.plan(["max_lengths={query: 4, document: 4}"]).batches(step: 0)[0]
        #expect(cut.truncatedCount > 30)
        #expect(cut.inputs.allSatisfy { $0.tokens.count <= 4 })
    }
}
