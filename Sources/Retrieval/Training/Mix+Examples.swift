public import Examples
public import Store

extension Mix {
    /// What the mix says about its examples.
    public var examples: ExampleOptions {
        var options = ExampleOptions(datasets.map { .init($0.reference, weight: $0.weight) })
        options.passagesPerQuery = passagesPerQuery
        options.seed = seed
        options.sampling = sampling
        options.shortage = shortage
        options.withoutPositives = withoutPositives
        options.readsKnownPositives = masksKnownPositives
        return options
    }

    /// How many optimizer steps the mix asks for.
    ///
    /// - Parameter exampleCount: of all datasets.
    public func stepCount(exampleCount: UInt64) -> Int {
        switch length {
        case .steps(let steps): steps
        case .epochs(let epochs):
            max(1, Int((epochs * Double(exampleCount) / Double(queriesPerStep)).rounded(.up)))
        }
    }
}

extension ExampleSource {
    /// Opens the mix's datasets.
    public convenience init(_ mix: Mix, store: Store) throws { try self.init(mix.examples, store: store) }
}
