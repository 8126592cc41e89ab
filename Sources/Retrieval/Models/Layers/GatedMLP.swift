internal import Tensors

/// The feed-forward net of gated models: `down(act(gate·x) ⊙ up·x)`.
///
/// Source: Shazeer 2020.
final class GatedMLP {
    private let gateUp: Projection
    private let down: Projection
    private let activation: Activation

    var projections: [Projection] { [gateUp, down] }
    var parameters: [Parameter] { gateUp.parameters + down.parameters }

    init(
        _ name: String, _ size: Int, _ innerSize: Int, _ activation: Activation, _ files: WeightFiles,
        bias: Bool = false
    ) throws {
        gateUp = Projection(
            try files.linear(name + ".gate_proj", size, innerSize, bias: bias),
            try files.linear(name + ".up_proj", size, innerSize, bias: bias))
        down = Projection(try files.linear(name + ".down_proj", innerSize, size, bias: bias))
        self.activation = activation
    }

    /// - Parameter site: of the gate's dropout; the other two layers count on.
    func callAsFunction(_ input_TD: Tensor, _ dropout: Dropout, site: UInt64) throws -> Tensor {
        let parts = try gateUp.each(input_TD, dropout, site: site)
        return try down(activation.gated(parts[0], by: parts[1]), dropout, site: site + 2)
    }

    /// `output + residual`, in place where nobody else sees the output.
    func adding(_ residual: Tensor, to output: Tensor) throws -> Tensor { try down.adding(residual, to: output) }
}
