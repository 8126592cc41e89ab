internal import Tensors

/// The entrance of models whose hidden states begin as the tokens' embeddings alone.
final class TokenEmbedding: Entrance {
    private let words: Parameter
    private let scale: Double?
    private let computeType: ElementType

    var parameters: [Parameter] { [words] }

    /// - Parameter scale: what embeddings are multiplied by, rounded to the type that is computed with.
    init(_ name: String, _ vocabularySize: Int, _ size: Int, _ files: WeightFiles, scale: Double? = nil) throws {
        words = try files.parameter(name + ".weight", [vocabularySize, size])
        self.scale = scale
        computeType = files.precision.compute
    }

    func embed(_ batch: DeviceBatch, _ dropout: Dropout) throws -> Tensor {
        let words_TD = try words.tensor.embedding(batch.tokens_T).to(computeType)
        guard let scale else { return words_TD }
        return try words_TD.multiplied(by: rounded(scale))
    }

    private func rounded(_ value: Double) throws -> Double {
        try Tensor([Float(value)]).to(computeType).to(.float64).item()
    }
}
