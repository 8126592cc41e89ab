public import Examples
public import Store

extension TrainingConfig {
    /// What the config says about its examples.
    public var examples: ExampleOptions {
        var options = ExampleOptions(
            datasets.map { dataset in
                var part = ExampleOptions.Part(dataset.reference, weight: dataset.weight)
                part.passagesPerQuery = dataset.passagesPerQuery
                (part.joins, part.leaves) = (dataset.joins, dataset.leaves)
                return part
            })
        options.sizeExponent = mixing.temperature
        options.batching = batching
        (options.queriesPerBatch, options.queriesPerStep) = (queriesPerBatch, queriesPerStep)
        options.isUniqueInBatch = isUniqueInBatch
        options.passagesPerQuery = passagesPerQuery
        options.positivesPerQuery = positivesPerQuery
        options.seed = seed
        options.sampling = sampling
        options.shortage = shortage
        options.withoutPositives = withoutPositives
        options.blankTexts = blankTexts
        options.readsKnownPositives = masksKnownPositives
        options.heldOut = validation?.share.map { ExampleOptions.HeldOut(share: $0, seed: seed) }
        return options
    }

    /// How many optimizer steps the config asks for.
    ///
    /// - Parameter exampleCount: of all datasets.
    /// - Throws: `Failure` (78) for more steps than a run may have.
    public func stepCount(exampleCount: UInt64) throws -> Int {
        switch length {
        case .steps(let steps): return steps
        case .epochs(let epochs):
            let steps = max(1, (epochs * Double(exampleCount) / Double(queriesPerStep)).rounded(.up))
            guard steps <= Double(Self.stepCounts.bounds.upperBound) else {
                throw places.failure(
                    "epochs", "of \(exampleCount) examples make more than \(Self.stepCounts.bounds.upperBound) steps")
            }
            return Int(steps)
        }
    }
}

extension ExampleSource {
    /// Opens the config's datasets.
    public convenience init(_ config: TrainingConfig, store: Store) throws {
        try self.init(config.examples, store: store)
    }
}
