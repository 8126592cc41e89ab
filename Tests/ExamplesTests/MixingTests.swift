import Base
import Examples
import Store
import TestKit
import Testing

@Suite("Mixing datasets")
struct MixingTests {
    static func world() throws -> SmallWorld {
        let world = try SmallWorld()
        var many = SmallWorld.Quirks()
        many.queryCount = 360
        try world.add("many", many)
        return world
    }

    private static func counts(_ source: ExampleSource, _ slots: Range<UInt64>) -> [Int] {
        slots.reduce(into: source.parts.map { _ in 0 }) { $0[source.order.entry(at: $1).part] += 1 }
    }

    @Test("shares go with size to a power: 40 and 360 examples")
    func temperature() throws {
        let world = try Self.world()
        for (exponent, share) in [(0, 0.5), (0.5, 0.25), (1, 0.1)] {
            let source = try world.source([.init("small"), .init("many")]) { $0.sizeExponent = exponent }
            let counts = Self.counts(source, 0..<2000)
            #expect(
                abs(Double(counts[0]) - 2000 * share) < 1 + Double(source.order.blockSize), "\(exponent): \(counts)")
        }
    }

    @Test("whole weights, and sizes, keep the order that they always had")
    func whole() throws {
        let world = try Self.world()
        for (parts, weights) in [
            ([.init("small"), .init("many")], [40, 360]),
            ([.init("small", weight: 3), .init("many", weight: 5)], [3, 5]),
        ] as [([ExampleOptions.Part], [UInt64])] {
            let source = try world.source(parts)
            let order = ExampleOrder(
                parts: zip([40, 360], weights).map { .init(count: $0, weight: $1) }, seed: source.options.seed)
            for slot in 0..<500 as Range<UInt64> { #expect(source.order.entry(at: slot) == order.entry(at: slot)) }
        }
    }

    @Test("datasets join and leave by steps and by epochs; what leaves nothing to draw from is refused")
    func stages() throws {
        let world = try Self.world()
        func source(_ change: (inout [ExampleOptions.Part]) -> Void) throws -> ExampleSource {
            var parts: [ExampleOptions.Part] = [.init("small"), .init("many")]
            change(&parts)
            return try world.source(parts) {
                $0.queriesPerStep = 8
                $0.queriesPerBatch = 8
            }
        }
        let late = try source { $0[1].joins = .step(10) }
        #expect(Self.counts(late, 0..<80) == [80, 0])
        #expect(abs(Self.counts(late, 80..<480)[1] - 360) <= 10)
        // An epoch of 400 examples is 50 steps.
        let early = try source {
            $0[0].leaves = .epoch(0.5)
            $0[1].joins = .epoch(0.25)
        }
        #expect(Self.counts(early, 0..<104) == [104, 0])
        #expect(Self.counts(early, 200..<600) == [0, 400])
        let gap = try #require(throws: Failure.self) {
            try source {
                $0[0].leaves = .step(5)
                $0[1].joins = .step(7)
            }
        }
        #expect(gap.message == "steps 6 to 7 have no dataset to draw from")
        let never = try #require(throws: Failure.self) {
            try source {
                $0[0].joins = .step(9)
                $0[0].leaves = .step(9)
            }
        }
        #expect(never.message.contains("nothing is ever drawn from it") && never.exitStatus == .badConfiguration)
        let nobody = try #require(throws: Failure.self) {
            try source {
                $0[0].joins = .step(2)
                $0[1].joins = .step(3)
            }
        }
        #expect(nobody.message == "steps 1 to 2 have no dataset to draw from")
    }

    @Test("a dataset may have its own number of passages")
    func passages() throws {
        let world = try Self.world()
        var parts: [ExampleOptions.Part] = [.init("small"), .init("many")]
        parts[1].passagesPerQuery = 2
        let source = try world.source(parts)
        for example in try source.examples(at: Array(0..<100 as Range<UInt64>)) {
            #expect(example.passages.count == [4, 2][example.entry.part])
        }
        #expect(source.parts[1].counts.shortOfNegatives == 0)
    }
}
