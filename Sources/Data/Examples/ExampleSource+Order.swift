internal import Base
internal import Glibc

extension ExampleSource {
    /// How the parts share the slots.
    ///
    /// Whole weights, or sizes, and nothing else asked for: blocks of all weights' sum. Everything else: shares.
    ///
    /// - Throws: `Failure` (78) for parts that leave before they join, slots that nothing is left for, and batches that
    ///   are larger than what they are drawn from.
    static func order(of parts: [Part], _ options: ExampleOptions) throws -> ExampleOrder {
        let isPlain =
            options.batching == .mixed && options.sizeExponent == nil
            && parts.allSatisfy {
                $0.options.joins == nil && $0.options.leaves == nil && $0.weight == $0.weight.rounded()
            }
        if isPlain {
            let order = ExampleOrder(
                parts: parts.map { .init(count: $0.exampleCount, weight: UInt64($0.weight)) }, seed: options.seed)
            try checkBatches(of: parts, parts.map { _ in 0..<UInt64.max }, [0..<UInt64.max], options)
            return order
        }
        let slots = try parts.map { try self.slots(of: $0, in: parts, options) }
        let ends = Set(slots.flatMap { [$0.lowerBound, $0.upperBound] } + [0]).sorted()
        let stages = zip(ends, ends.dropFirst()).map { $0..<$1 }
        let perStep = UInt64(options.queriesPerStep)
        for stage in stages where !slots.contains(where: { $0.contains(stage.lowerBound) }) {
            throw Failure(
                .badConfiguration,
                "steps \(stage.lowerBound / perStep + 1) to \(stage.upperBound / perStep) have no dataset to draw from",
                advice: "Let one dataset stay for the whole run, or another one join when the last leaves.")
        }
        try checkBatches(of: parts, slots, stages, options)
        return ExampleOrder(
            sharing: zip(parts, slots).map { .init(count: $0.exampleCount, weight: $0.weight, slots: $1) },
            run: options.batching == .byDataset ? UInt64(options.queriesPerBatch) : 1, seed: options.seed)
    }

    /// When a part is drawn from.
    private static func slots(of part: Part, in parts: [Part], _ options: ExampleOptions) throws -> Range<UInt64> {
        let perStep = UInt64(options.queriesPerStep)
        func slot(_ moment: ExampleOptions.Moment) throws -> UInt64 {
            switch moment {
            case .step(let step): return UInt64(step) * perStep
            case .epoch(let epochs):
                let total = parts.reduce(0.0) { $0 + Double($1.exampleCount) }
                let steps = (epochs * total / Double(perStep)).rounded(.up)
                guard steps <= 1e12 else {
                    throw Failure(
                        .badConfiguration,
                        "dataset \(part.options.reference): \(epochs) epochs of \(total) examples are too many steps")
                }
                return UInt64(steps) * perStep
            }
        }
        let first = try part.options.joins.map(slot) ?? 0
        let end = try part.options.leaves.map(slot) ?? .max
        guard first < end else {
            throw Failure(
                .badConfiguration,
                "dataset \(part.options.reference) leaves after step \(end / perStep) and joins after step "
                    + "\(first / perStep): nothing is ever drawn from it")
        }
        return first..<end
    }

    /// - Parameters:
    ///   - slots: when each part is drawn from.
    ///   - stages: slots between which that changes.
    private static func checkBatches(
        of parts: [Part], _ slots: [Range<UInt64>], _ stages: [Range<UInt64>], _ options: ExampleOptions
    ) throws {
        guard options.isUniqueInBatch else { return }
        let size = options.queriesPerBatch
        for stage in stages {
            let drawn = zip(parts, slots).filter { $1.contains(stage.lowerBound) }.map(\.0)
            let total = drawn.reduce(0) { $0 + $1.weight }
            for part in drawn {
                let share = options.batching == .byDataset ? 1 : part.weight / total
                let needed = (Double(size) * share).rounded(.down)
                guard needed > Double(part.exampleCount) else { continue }
                throw Failure(
                    .badConfiguration,
                    "dataset \(part.options.reference) has \(part.exampleCount) examples, and a batch of \(size) queries takes "
                        + "\(share == 1 ? "all of them" : "about \(Int(needed))") from it, each once",
                    advice:
                        "Lower the queries of a batch or the dataset's weight, or allow an example twice in a batch.")
            }
        }
    }
}

extension ExampleOptions {
    /// The weight of a dataset that has none.
    ///
    /// The power is rounded to 40 bits, so that processors whose `pow` differs in the last place draw alike.
    func weight(ofSize exampleCount: Int) -> Double {
        guard let sizeExponent else { return Double(exampleCount) }
        let power = pow(Double(exampleCount), sizeExponent)
        let unit = power.ulp * 0x1p12
        return (power / unit).rounded() * unit
    }
}
