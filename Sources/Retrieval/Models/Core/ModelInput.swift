/// What a model is given of one record.
///
/// Inputs are equal where their vectors are.
public struct ModelInput: Sendable, Hashable {
    /// Token ids; at least one.
    public let tokens: [Int32]
    /// Leading tokens that pooling leaves out, as those of a prompt that is not part of what the text says; attention
    /// sees them all the same.
    public let unpooledCount: Int

    public init(tokens: [Int32], unpooledCount: Int = 0) {
        self.tokens = tokens
        self.unpooledCount = unpooledCount
    }

    /// What it costs to compute, in tokens.
    public var cost: Int { tokens.count }
}
