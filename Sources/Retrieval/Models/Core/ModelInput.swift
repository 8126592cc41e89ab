/// What a model is given of one record.
///
/// Inputs are equal where their vectors are.
public struct ModelInput: Sendable, Hashable {
    /// Token ids; at least one.
    public let tokens: [Int32]
    /// Leading tokens that pooling leaves out, as those of a prompt that is not part of what the text says; attention
    /// sees them all the same.
    public let unpooledCount: Int
    /// Images, videos and sounds, in the order of their tokens.
    public let media: [MediaItem]
    /// `[3][tokens]`: where tokens stand in time, from top to bottom and from left to right, for rotary embeddings with
    /// three axes; nil where they count on all three.
    public let positions: [[Int32]]?

    public init(
        tokens: [Int32], unpooledCount: Int = 0, media: [MediaItem] = [], positions: [[Int32]]? = nil
    ) {
        precondition(positions.map { $0.allSatisfy { $0.count == tokens.count } } ?? true, "a place for each token")
        self.tokens = tokens
        self.unpooledCount = unpooledCount
        self.media = media
        self.positions = positions
    }

    /// About what it costs to compute, in tokens: rows of a tower count like tokens.
    public var cost: Int { media.reduce(tokens.count) { $0 + $1.shape.rowCount } }
}

/// An input with its media decoded.
public struct LoadedInput: Sendable {
    public let input: ModelInput
    /// Of each of the input's media.
    public let rows: [any MediaRows]

    public init(_ input: ModelInput, rows: [any MediaRows] = []) {
        precondition(
            input.media.count == rows.count && zip(input.media, rows).allSatisfy { $0.shape.rowCount == $1.rowCount },
            "rows for each item")
        self.input = input
        self.rows = rows
    }
}
