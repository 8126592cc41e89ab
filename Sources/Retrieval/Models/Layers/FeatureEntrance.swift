internal import Tensors

/// An entrance of tokens whose embeddings features can take the places of, so that towers can be put before its model.
protocol FeatureEntrance: Entrance {
    /// Those whose features take the places of embeddings, in the model's order.
    var towers: [Tower.Name] { get set }
}

extension FeatureEntrance {
    /// Embeddings of words, with features in the places of their tokens: positions and types are added afterwards.
    ///
    /// - Parameter features: of each tower; nil where the batch has nothing for it.
    func placing(_ features: [Tensor?], of batch: DeviceBatch, over words_TD: Tensor) throws -> Tensor {
        var placed_TD = words_TD
        for (tower, features) in zip(towers, features) {
            guard let features else { continue }
            placed_TD = try placed_TD.indexCopy(0, batch.rows(of: tower), features.to(words_TD.elementType))
        }
        return placed_TD
    }
}
