internal import Tensors

/// The entrance of models whose hidden states begin as the tokens' embeddings alone, and as what towers made of images and
/// sounds.
final class TokenEmbedding: FeatureEntrance {
    private let words: Parameter
    private let scale: Double?
    private let padding: Int?
    private let computeType: ElementType
    var towers: [Tower.Name]

    var parameters: [Parameter] { [words] }

    /// - Parameters:
    ///   - padding: the token whose embedding is not trained.
    ///   - scale: what embeddings are multiplied by, rounded to the type that is computed with.
    init(
        _ name: String, _ vocabularySize: Int, _ size: Int, _ files: WeightFiles, padding: Int?, scale: Double? = nil,
        towers: [Tower.Name] = []
    ) throws {
        words = try files.parameter(
            name + ".weight", [vocabularySize, size], initial: .normal(zeroRow: padding))
        self.scale = scale
        self.padding = padding
        computeType = files.precision.compute
        self.towers = towers
    }

    func embed(_ batch: DeviceBatch, _ features: [Tensor?], _ dropout: Dropout) throws -> Tensor {
        let words_TD = try words.tensor.embedding(batch.tokens_T, padding: padding).to(computeType)
        let hidden_TD = try scale.map { try words_TD.multiplied(by: rounded($0)) } ?? words_TD
        return try placing(features, of: batch, over: hidden_TD)
    }

    private func rounded(_ value: Double) throws -> Double {
        try Tensor([Float(value)]).to(computeType).to(.float64).item()
    }
}
