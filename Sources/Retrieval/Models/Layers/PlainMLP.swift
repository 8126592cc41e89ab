internal import Tensors

/// The feed-forward net of models without gates: `down(act(up·x))`.
final class PlainMLP {
    private let up: Projection
    private let down: Projection
    private let activation: Activation

    var projections: [Projection] { [up, down] }
    var parameters: [Parameter] { up.parameters + down.parameters }

    /// - Parameters:
    ///   - layers: what the two are called.
    ///   - outputSize: nil for the size of the input.
    init(
        _ name: String, _ layers: (up: String, down: String), _ size: Int, _ innerSize: Int,
        _ activation: Activation, _ files: WeightFiles, outputSize: Int? = nil
    ) throws {
        up = Projection(try files.linear("\(name).\(layers.up)", size, innerSize))
        down = Projection(try files.linear("\(name).\(layers.down)", innerSize, outputSize ?? size))
        self.activation = activation
    }

    /// - Parameter site: of the first layer's dropout; the second counts on.
    func callAsFunction(_ input_TD: Tensor, _ dropout: Dropout, site: UInt64) throws -> Tensor {
        try down(up(input_TD, dropout, site: site, activation), dropout, site: site + 1)
    }

    /// `output + residual`, in place where nobody else sees the output.
    func adding(_ residual: Tensor, to output: Tensor) throws -> Tensor { try down.adding(residual, to: output) }
}
