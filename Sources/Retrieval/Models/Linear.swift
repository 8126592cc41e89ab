internal import Base
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

    /// - Parameter site: tells the dropouts of one block apart.
    func callAsFunction(_ input_TI: Tensor, _ dropout: Dropout, site: UInt64) throws -> Tensor {
        let output_TO = try input_TI.linear(weight.tensor.to(input_TI.elementType), bias?.tensor)
        guard let adapter else { return output_TO }
        let dropped_TI = try dropout.adapter(input_TI, site: site)
        let low_TR = try dropped_TI.linear(adapter.a.tensor)
        return try output_TO.adding(low_TR.linear(adapter.b.tensor).multiplied(by: adapter.scale))
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

    /// Adds the adapter's product to the weight and takes it off.
    ///
    /// `W ← W + s·B·A`, computed in float32.
    func mergeAdapter() throws {
        guard let adapter else { return }
        let type = weight.tensor.elementType
        try withoutGradients {
            let product_OI = try adapter.b.tensor.to(.float32).matmul(adapter.a.tensor.to(.float32))
            let merged_OI = try weight.tensor.to(.float32).adding(product_OI.multiplied(by: adapter.scale))
            try weight.replace(merged_OI.to(type))
        }
        self.adapter = nil
    }
}

/// A linear layer, or several that share an input, ready for encoding.
///
/// On the CPU the weight is in the blocked layout of oneDNN, which was measured at 1.4 to 1.7 times the speed of the
/// plain layout in float32 and bfloat16. On other devices, and where the CPU does not multiply its type, it stays
/// plain and is converted to the input's type for each product, which costs next to nothing for a whole batch.
final class FusedLinear {
    private let prepacked: PrepackedWeight?
    private let weight: Tensor?
    private let bias: Tensor?

    /// Rows that a batch usually has; oneDNN chooses blocks by it. Any number of rows works.
    static let expectedRowCount = 4096

    /// Takes the layers' weights over: each is in memory once.
    init(_ layers: [Linear]) throws {
        let weights = layers.map(\.weight.tensor)
        let biases = layers.compactMap(\.bias?.tensor)
        precondition(biases.isEmpty || biases.count == layers.count, "layers to fuse all have a bias, or none")
        let fused = weights.count == 1 ? weights[0] : try Tensor.cat(weights)
        bias = biases.isEmpty ? nil : biases.count == 1 ? biases[0] : try Tensor.cat(biases)
        if fused.device == .cpu && PrepackedWeight.isSupported(fused.elementType) {
            prepacked = try PrepackedWeight(fused, expectedRowCount: FusedLinear.expectedRowCount)
            weight = nil
        } else {
            prepacked = nil
            weight = fused
        }
        for layer in layers { try layer.weight.release() }
    }

    func callAsFunction(_ input: Tensor, gelu: Bool = false) throws -> Tensor {
        if let prepacked { return try prepacked.linear(input, bias, gelu ? .gelu : .none) }
        let output = try input.linear(weight!.to(input.elementType), bias)
        return gelu ? try output.gelu() : output
    }
}
