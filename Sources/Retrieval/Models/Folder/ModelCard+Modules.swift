extension ModelCard {
    /// A module behind the Transformer, as sentence-transformers counts them.
    enum Module {
        case pooling
        case layer(HeadLayer, isOnTokens: Bool)

        /// The last part of its type.
        var name: String {
            switch self {
            case .pooling: "Pooling"
            case .layer(.dense, _): "Dense"
            case .layer(.layerNorm, _): "LayerNorm"
            case .layer(.normalize, _): "Normalize"
            }
        }

        var hasWeights: Bool {
            switch self {
            case .pooling, .layer(.normalize, _): false
            case .layer: true
            }
        }
    }

    /// All modules behind the Transformer with their folders, as a copy of the model has them.
    var modules: [(folder: String, module: Module)] {
        let modules =
            tokenLayers.map { Module.layer(.dense($0), isOnTokens: true) } + [.pooling]
            + (layers + (normalize ? [.normalize] : [])).map { Module.layer($0, isOnTokens: false) }
        return modules.enumerated().map { ("\($0 + 1)_\($1.name)", $1) }
    }

    /// Folders of the layers that have weights, in order.
    var weightedFolders: [String] { modules.filter(\.module.hasWeights).map(\.folder) }

    /// The layers that have weights, in order.
    var weightedLayers: [HeadLayer] { tokenLayers.map { .dense($0) } + layers.filter { $0.sizes != nil } }

    /// Components of each pooling.
    var pooledSize: Int { (layers.lazy.compactMap(\.sizes).first?.input ?? dims) / pooling.modes.count }

    /// A layer that does not fit what stands before it.
    struct Mismatch: Error {
        /// Among ``weightedLayers``.
        let layer: Int
        let reason: String
    }

    /// Components of the vectors of a model whose hidden states have this size.
    ///
    /// - Throws: `Mismatch`.
    func vectorSize(hiddenSize: Int) throws(Mismatch) -> Int {
        var size = hiddenSize
        for (index, layer) in weightedLayers.enumerated() {
            if index == tokenLayers.count { size *= pooling.modes.count }
            guard let (input, output) = layer.sizes else { continue }
            guard input == size else {
                throw Mismatch(layer: index, reason: "\(input) components are expected, and there are \(size)")
            }
            size = output
        }
        return weightedLayers.count == tokenLayers.count ? size * pooling.modes.count : size
    }
}
