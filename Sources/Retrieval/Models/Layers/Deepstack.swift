internal import Tensors

// Features of several depths of a tower: the last ones take the places of embeddings, the others are added behind one
// of the first layers each. A stage sees nothing but its input, so they travel beside the hidden states until their
// turn: `[T, D·(1 + n)]`, then `[T, D·n]`, and `[T, D]` after the n-th layer.
//
// Source: Meng et al. 2024.

/// Embeddings, and beside them what the tower adds further on: nothing for tokens that stand for none of its items.
///
/// A batch without items has no columns for it.
final class DeepstackEntrance: Entrance {
    private let embedding: TokenEmbedding
    private let size: Int
    private let tower: Tower.Name

    var parameters: [Parameter] { embedding.parameters }

    /// - Parameters:
    ///   - embedding: of a model with this tower alone.
    ///   - size: D
    init(_ embedding: TokenEmbedding, size: Int, tower: Tower.Name) {
        self.embedding = embedding
        self.size = size
        self.tower = tower
    }

    func embed(_ batch: DeviceBatch, _ features: [Tensor?], _ dropout: Dropout) throws -> Tensor {
        guard let features = features.first ?? nil else { return try embedding.embed(batch, features, dropout) }
        let rest = features.size(1) - size
        let hidden_TD = try embedding.embed(batch, [features.narrow(1, start: 0, length: size)], dropout)
        let added_TC = try Tensor.zeros(
            [hidden_TD.size(0), rest], type: hidden_TD.elementType, device: hidden_TD.device
        ).indexCopy(
            0, batch.rows(of: tower), features.narrow(1, start: size, length: rest).to(hidden_TD.elementType))
        return try Tensor.cat([hidden_TD, added_TC], 1)
    }
}

/// A layer, behind which the first of the features that travel beside its input are added.
final class DeepstackStage: Stage {
    private let layer: any Stage
    private let size: Int

    var projections: [Projection] { layer.projections }
    var parameters: [Parameter] { layer.parameters }

    init(_ layer: any Stage, size: Int) {
        self.layer = layer
        self.size = size
    }

    func forward(_ hidden_TC: Tensor, _ context: Context) throws -> Tensor {
        let rest = hidden_TC.size(1) - 2 * size
        guard rest >= 0 else { return try layer.forward(hidden_TC, context) }
        let made_TD = try layer.forward(hidden_TC.narrow(1, start: 0, length: size), context)
        let added_TD = try made_TD.adding(hidden_TC.narrow(1, start: size, length: size))
        guard rest > 0 else { return added_TD }
        return try Tensor.cat([added_TD, hidden_TC.narrow(1, start: 2 * size, length: rest)], 1)
    }
}
