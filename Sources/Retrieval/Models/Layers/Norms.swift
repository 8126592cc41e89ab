internal import Tensors

/// Layer norm with its weight and, in most models, its bias.
final class LayerNorm {
    let weight: Parameter
    let bias: Parameter?
    private let epsilon: Double

    var parameters: [Parameter] { [weight] + (bias.map { [$0] } ?? []) }

    init(_ name: String, _ size: Int, _ epsilon: Double, _ files: WeightFiles, bias: Bool = true) throws {
        weight = try files.parameter(name + ".weight", [size])
        self.bias = bias ? try files.parameter(name + ".bias", [size]) : nil
        self.epsilon = epsilon
    }

    func callAsFunction(_ input: Tensor) throws -> Tensor {
        try input.layerNorm(weight.tensor, bias?.tensor, epsilon: epsilon)
    }
}

/// Root-mean-square norm: `x / √(mean x² + ε) · w`.
///
/// Source: Zhang and Sennrich 2019. Llama rounds before it multiplies by the weight; Gemma multiplies by 1 + w and
/// rounds once.
final class RMSNorm {
    let weight: Parameter
    private let epsilon: Double
    private let addsOne: Bool

    var parameters: [Parameter] { [weight] }

    /// - Parameter addsOne: the weight is stored less one, as in Gemma.
    init(_ name: String, _ size: Int, _ epsilon: Double, _ files: WeightFiles, addsOne: Bool = false) throws {
        weight = try files.parameter(name + ".weight", [size], initial: .constant(addsOne ? 0 : 1))
        self.epsilon = epsilon
        self.addsOne = addsOne
    }

    /// Over the last dimension.
    func callAsFunction(_ input: Tensor) throws -> Tensor {
        try input.rmsNorm(weight.tensor, epsilon: epsilon, addsOne: addsOne)
    }
}

/// The norm after the last block, as a stage of its own.
final class FinalNorm: Stage {
    private let norm: (Tensor) throws -> Tensor
    let parameters: [Parameter]
    var projections: [Projection] { [] }

    init(_ norm: RMSNorm) {
        self.norm = { try norm($0) }
        parameters = norm.parameters
    }

    init(_ norm: LayerNorm) {
        self.norm = { try norm($0) }
        parameters = norm.parameters
    }

    func forward(_ hidden_TD: Tensor, _ context: Context) throws -> Tensor { try norm(hidden_TD) }
}
