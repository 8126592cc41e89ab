/// What each process of a group holds only its share of; each includes those before it.
public enum Sharding: String, Sendable, CaseIterable, Comparable {
    /// Nothing: each has all.
    case none
    /// The optimizer's state, and the float32 weights that rounded ones are made of.
    case optimizer
    /// Sums of gradients, between the micro-batches of a step as well.
    case gradients
    /// Weights, trained or not: a block's are gathered when it runs, while the one before is computed.
    case weights

    public static func < (left: Sharding, right: Sharding) -> Bool {
        allCases.firstIndex(of: left)! < allCases.firstIndex(of: right)!
    }
}
