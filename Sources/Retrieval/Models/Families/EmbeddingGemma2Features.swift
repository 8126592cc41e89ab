internal import Tensors

// Where the towers of EmbeddingGemma 2 begin and end.

/// What the items hold, as it is.
final class MediaRowsEntrance: TowerEntrance {
    var parameters: [Parameter] { [] }

    func embed(_ media: DeviceMedia, _ dropout: Dropout) throws -> Tensor { try media.values() }
}

/// Features of a tower become as wide as the text model: a norm without weight, and a linear layer.
final class FeatureEmbedding {
    private let projection: Projection
    private let size: Int
    private let epsilon: Double

    var projections: [Projection] { [projection] }
    var parameters: [Parameter] { projection.parameters }

    init(_ name: String, _ size: Int, _ outputSize: Int, epsilon: Double, _ files: WeightFiles) throws {
        projection = Projection(try files.linear(name + ".embedding_projection", size, outputSize, bias: false))
        self.size = size
        self.epsilon = epsilon
    }

    func callAsFunction(_ features_TD: Tensor, _ dropout: Dropout, site: UInt64) throws -> Tensor {
        let ones = try Tensor.ones([size], type: features_TD.elementType, device: features_TD.device)
        return try projection(features_TD.rmsNorm(ones, epsilon: epsilon), dropout, site: site)
    }
}
