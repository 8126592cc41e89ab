import Base
import Examples
import Store
import TestKit
import Testing

@Suite("Unique in a batch")
struct UniqueBatchesTests {
    /// Queries of equal texts, and documents of equal texts that are positives of several queries.
    static func world() throws -> SmallWorld {
        var quirks = SmallWorld.Quirks()
        quirks.mostWords = 40
        for number in 0..<10 { quirks.documentTexts[3 * number] = "the same \(number % 3)" }
        for number in 20..<26 { quirks.queryTexts[number] = "asked again" }
        let world = try SmallWorld(quirks)
        var large = SmallWorld.Quirks()
        large.queryCount = 300
        large.documentCount = 450
        large.mostWords = 40
        try world.add("large", large)
        return world
    }

    static let parts: [ExampleOptions.Part] = [.init("small", weight: 1.5), .init("large", weight: 2.25)]

    static func source(
        _ world: SmallWorld, _ batching: ExampleOptions.Batching, size: Int, isUnique: Bool = true, seed: UInt64 = 42,
        parts: [ExampleOptions.Part] = UniqueBatchesTests.parts
    ) throws -> ExampleSource {
        try world.source(parts) {
            $0.batching = batching
            $0.queriesPerBatch = size
            $0.queriesPerStep = 2 * size
            $0.isUniqueInBatch = isUnique
            $0.seed = seed
        }
    }

    /// What a query says, ids apart.
    private static func text(_ example: Example, _ source: ExampleSource) throws -> [UInt8] {
        try source.parts[example.entry.part].dataset.query(example.query).text ?? []
    }

    private static func hasTwice(_ batch: some Collection<Example>, _ source: ExampleSource) throws -> Bool {
        let queries = Set(try batch.map { try text($0, source) })
        let positives = Set(batch.map { $0.passages[0].content })
        return queries.count < batch.count || positives.count < batch.count
    }

    @Test(
        "no batch has a query or a positive twice, and windows have the examples that they had",
        arguments: ExampleOptions.Batching.allCases, [1, 42, 77] as [UInt64])
    func unique(batching: ExampleOptions.Batching, seed: UInt64) throws {
        let world = try Self.world()
        let size = 16
        let source = try Self.source(world, batching, size: size, seed: seed)
        let plain = try Self.source(world, batching, size: size, isUnique: false, seed: seed)
        let slots = 0..<UInt64(40 * size)
        let examples = try source.examples(at: Array(slots))
        let base = try plain.examples(at: Array(slots))
        var (conflicts, calm) = (0, 0)
        for start in stride(from: 0, to: examples.count, by: size) {
            #expect(try !Self.hasTwice(examples[start..<(start + size)], source))
            if try Self.hasTwice(base[start..<(start + size)], plain) { conflicts += 1 }
            if batching == .byDataset { #expect(Set(examples[start..<(start + size)].map(\.entry.part)).count == 1) }
        }
        #expect(conflicts > 5)
        guard batching == .mixed else { return }
        for start in stride(from: 0, to: examples.count, by: 8 * size) {
            let window = start..<(start + 8 * size)
            let kept = examples[window].filter { !$0.isReplacement }.map(\.entry)
            #expect(Set(kept).isSubset(of: Set(base[window].map(\.entry))))
            #expect(examples[window].count { $0.isReplacement } + Set(kept).count == 8 * size)
            // What stands for another is of its dataset.
            #expect(examples[window].count { $0.entry.part == 0 } == base[window].count { $0.entry.part == 0 })
            let isCalm = try !stride(from: window.lowerBound, to: window.upperBound, by: size).contains {
                try Self.hasTwice(base[$0..<($0 + size)], plain)
            }
            guard isCalm else { continue }
            calm += 1
            #expect(examples[window].map(\.entry) == base[window].map(\.entry))
        }
        // Of large windows of a small dataset none is calm: one of a large dataset alone is.
        let alone = try Self.source(world, .mixed, size: 2, seed: seed, parts: [.init("large", weight: 1)])
        let same = try Self.source(
            world, .mixed, size: 2, isUnique: false, seed: seed, parts: [.init("large", weight: 1)])
        for window in 0..<10 {
            let slots = (16 * UInt64(window)..<16 * UInt64(window + 1)).map { $0 }
            let base = try same.examples(at: slots)
            let isCalm = try !stride(from: 0, to: 16, by: 2).contains { try Self.hasTwice(base[$0..<($0 + 2)], same) }
            if isCalm {
                calm += 1
                #expect(try alone.examples(at: slots) == base)
            }
        }
        #expect(calm > 2)
    }

    @Test("the sequence does not depend on where it is begun, on workers, on windows of reading, nor on ranks")
    func elastic() throws {
        let world = try Self.world()
        for batching in ExampleOptions.Batching.allCases {
            let source = try Self.source(world, batching, size: 8)
            let slots = Array(0..<320 as Range<UInt64>)
            let expected = try source.examples(at: slots)
            // One at a time, from any slot.
            for slot in [0, 7, 63, 64, 100, 319] as [UInt64] {
                #expect(try source.example(at: slot) == expected[Int(slot)])
            }
            for (workers, windowSlots) in [(0, 16), (1, 256), (2, 7), (3, 64)] {
                for first in [0, 24, 200] as [UInt64] {
                    let reader = try ExampleReader(
                        source, slots: first..<320,
                        options: ExampleReaderTests.options(workers: workers, windowSlots: windowSlots))
                    #expect(try ExampleReaderTests.all(reader) == Array(expected[Int(first)...]))
                }
            }
            for rankCount in [2, 4] {
                for rank in 0..<rankCount {
                    let reader = try ExampleReader(source, slots: 0..<320, rank: rank, rankCount: rankCount)
                    let mine = expected.filter { $0.slot % UInt64(rankCount) == UInt64(rank) }
                    #expect(try ExampleReaderTests.all(reader) == mine)
                }
            }
        }
    }

    @Test("batches of one dataset are that, whatever else is asked for", arguments: [false, true])
    func byDataset(isUnique: Bool) throws {
        let world = try Self.world()
        let source = try Self.source(world, .byDataset, size: 8, isUnique: isUnique)
        let examples = try source.examples(at: Array(0..<800 as Range<UInt64>))
        var batches = [0, 0]
        for start in stride(from: 0, to: 800, by: 8) {
            let parts = Set(examples[start..<(start + 8)].map(\.entry.part))
            #expect(parts.count == 1)
            batches[parts.first!] += 1
        }
        #expect(batches == [40, 60])
    }

    @Test("what is too often there is replaced by others of its dataset, and marked")
    func replaced() throws {
        let world = try Self.world()
        // 40 queries, six of them equal, in batches of 24: a window has those more than eight times.
        let source = try Self.source(world, .mixed, size: 24, parts: [.init("small")])
        let examples = try source.examples(at: Array(0..<384 as Range<UInt64>))
        for start in stride(from: 0, to: 384, by: 24) {
            #expect(try !Self.hasTwice(examples[start..<(start + 24)], source))
        }
        let count = examples.count { $0.isReplacement }
        #expect(count > 20 && count < 120)
    }

    @Test(
        "batches that cannot be are refused with the reason: by size before anything is read, by content when it is met"
    )
    func impossible() throws {
        let world = try Self.world()
        let error = try #require(throws: Failure.self) {
            try Self.source(world, .byDataset, size: 64, parts: [.init("large"), .init("small")])
        }
        #expect(error.exitStatus == .badConfiguration)
        #expect(error.message.contains("dataset small has 40 examples, and a batch of 64 queries takes all of them"))
        let mixed = try #require(throws: Failure.self) {
            try Self.source(world, .mixed, size: 128, parts: [.init("small", weight: 1), .init("large", weight: 1.5)])
        }
        #expect(mixed.message.contains("takes about 51 from it"), "\(mixed)")
        // Two kinds of positives: no batch of three.
        var quirks = SmallWorld.Quirks()
        for document in 0..<120 { quirks.documentTexts[document] = document % 3 == 0 ? "yes" : "no" }
        try world.add("labels", quirks)
        let labels = try Self.source(world, .mixed, size: 3, parts: [.init("labels")])
        let few = try #require(throws: Failure.self) { try labels.example(at: 0) }
        #expect(few.message.contains("dataset labels: its examples have too few different"), "\(few)")
        let pairs = try Self.source(world, .mixed, size: 2, parts: [.init("labels")])
        let examples = try pairs.examples(at: Array(0..<200 as Range<UInt64>))
        for start in stride(from: 0, to: 200, by: 2) {
            #expect(examples[start].passages[0].content != examples[start + 1].passages[0].content)
        }
    }
}
