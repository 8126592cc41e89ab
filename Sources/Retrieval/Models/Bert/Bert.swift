public import Tensors

extension ModelFamily {
    static let bert = ModelFamily(
        name: "bert",
        // The pooler belongs to next-sentence prediction.
        names: ModuleNames(prefix: "bert.", unused: ["pooler.dense"]), tokenizerClass: "BertTokenizer",
        build: { try Bert(BertConfiguration($0), $1) })
}

/// BERT as an encoder of texts: one segment, absolute positions, layer norm after each sub-layer.
///
/// Source: Devlin et al. 2019; parameter names and order of operations as in Hugging Face's `BertModel`.
public final class Bert: TextModel {
    let configuration: BertConfiguration
    public let blocks: [any Block]
    public let embeddingParameters: [Parameter]
    public let passiveParameters: [Parameter]

    private let words: Parameter
    private let positions: Parameter
    private let tokenTypes: Parameter
    private let norm: LayerNorm
    private let computeType: ElementType

    public var hiddenSize: Int { configuration.hiddenSize }
    public var maxLength: Int { configuration.positionCount }
    public var vocabularySize: Int { configuration.vocabularySize }

    public var configuredDropout: Dropout {
        Dropout(
            hidden: configuration.hiddenDropout, attention: configuration.attentionDropout, adapter: 0, seed: 0)
    }

    public var moduleNames: ModuleNames { ModelFamily.bert.names }
    public private(set) var isPreparedForEncoding = false

    public var linearLayers: [Linear] { blocks.flatMap { ($0 as? BertBlock)?.linearLayers ?? [] } }

    init(_ configuration: BertConfiguration, _ weights: WeightLoader) throws {
        self.configuration = configuration
        computeType = weights.precision.compute
        let size = configuration.hiddenSize
        words = try weights.parameter("embeddings.word_embeddings.weight", [configuration.vocabularySize, size])
        positions = try weights.parameter("embeddings.position_embeddings.weight", [configuration.positionCount, size])
        tokenTypes = try weights.parameter(
            "embeddings.token_type_embeddings.weight", [configuration.tokenTypeCount, size])
        norm = try LayerNorm("embeddings.LayerNorm", size, configuration.normEpsilon, weights)
        embeddingParameters = [words, positions, tokenTypes] + norm.parameters
        blocks = try (0..<configuration.blockCount).map { try BertBlock($0, configuration, weights) }
        if weights.has("pooler.dense.weight") {
            passiveParameters = [
                try weights.parameter("pooler.dense.weight", [size, size]),
                try weights.parameter("pooler.dense.bias", [size]),
            ]
        } else {
            passiveParameters = []
        }
        weights.ignore("embeddings.position_ids")
        weights.ignore(prefix: "cls.")
    }

    public func embed(_ batch: DeviceBatch, _ dropout: Dropout) throws -> Tensor {
        let words_TD = try words.tensor.embedding(batch.tokens_T).to(computeType)
        let typed_TD = try words_TD.adding(tokenTypes.tensor.select(0, 0))
        let placed_TD = try typed_TD.adding(positions.tensor.embedding(batch.positions_T))
        return try dropout.at(0).hidden(norm(placed_TD), site: 0)
    }

    public func prepareForEncoding() throws {
        isPreparedForEncoding = true
        for case let block as BertBlock in blocks { try block.prepareForEncoding() }
    }
}

/// Layer norm with its two parameters.
final class LayerNorm {
    let weight: Parameter
    let bias: Parameter
    private let epsilon: Double

    var parameters: [Parameter] { [weight, bias] }

    init(_ name: String, _ size: Int, _ epsilon: Double, _ weights: WeightLoader) throws {
        weight = try weights.parameter(name + ".weight", [size])
        bias = try weights.parameter(name + ".bias", [size])
        self.epsilon = epsilon
    }

    func callAsFunction(_ input: Tensor) throws -> Tensor {
        try input.layerNorm(weight.tensor, bias.tensor, epsilon: epsilon)
    }
}
