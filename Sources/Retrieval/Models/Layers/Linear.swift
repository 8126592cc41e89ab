internal import Tensors

/// A linear layer, `input · weightᵀ + bias`, with room for a LoRA adapter.
public final class Linear {
    /// The name of the module: parameters are `<name>.weight` and `<name>.bias`.
    public let name: String
    public let weight: Parameter
    public let bias: Parameter?
    public private(set) var adapter: LoRALayer?
    /// I
    public let inputSize: Int
    /// O
    public let outputSize: Int

    init(_ name: String, weight: Parameter, bias: Parameter?) {
        inputSize = weight.tensor.size(1)
        outputSize = weight.tensor.size(0)
        self.name = name
        self.weight = weight
        self.bias = bias
    }

    public var parameters: [Parameter] {
        [weight] + (bias.map { [$0] } ?? []) + (adapter.map { [$0.a, $0.b] } ?? [])
    }

    /// - Parameter site: tells the dropouts of one stage apart.
    func callAsFunction(_ input_TI: Tensor, _ dropout: Dropout, site: UInt64) throws -> Tensor {
        let output_TO = try input_TI.linear(weight.tensor.to(input_TI.elementType, weight.device), bias?.tensor)
        guard let adapter else { return output_TO }
        let dropped_TI = try dropout.adapter(input_TI, site: site)
        let type = input_TI.elementType
        let low_TR = try dropped_TI.linear(adapter.a.tensor.to(type))
        return try output_TO.adding(low_TR.linear(adapter.b.tensor.to(type)).multiplied(by: adapter.scale))
    }

    /// Attaches an adapter to the layer, kept apart from the weight.
    func attach(_ adapter: LoRALayer) throws {
        guard self.adapter == nil else { throw TensorError("adapter", "\(name) has one already") }
        guard adapter.a.tensor.size(1) == inputSize, adapter.b.tensor.size(0) == outputSize else {
            throw TensorError(
                "adapter",
                "\(name) is \([outputSize, inputSize]); an adapter of \(adapter.a.tensor.shape) and "
                    + "\(adapter.b.tensor.shape) does not fit", exitStatus: .badData)
        }
        self.adapter = adapter
    }
}
