internal import Tensors

/// Linear layers that share an input, one or several: for encoding they become one product.
public final class Projection {
    public let layers: [Linear]
    private var prepared: PreparedWeight?

    init(_ layers: Linear...) { self.layers = layers }

    init(_ layers: [Linear]) { self.layers = layers }

    public var parameters: [Parameter] { layers.flatMap(\.parameters) }

    /// Whether the weights are laid out for encoding; then no gradients are recorded, and what a stage has just made
    /// may be changed in place.
    public var isPrepared: Bool { prepared != nil }

    var isStreamed: Bool { layers.contains { $0.weight.isStreamed } }

    /// - Parameter quantizes: to 8 bits, on the CPU.
    func prepareForEncoding(quantizes: Bool) throws {
        guard prepared == nil else { return }
        prepared = try PreparedWeight(layers, quantizes: quantizes)
    }

    /// Back to the weights as they were, which are streamed.
    func endEncoding() { prepared = nil }

    /// The output of the only layer.
    ///
    /// - Parameters:
    ///   - site: tells the dropouts of one stage apart.
    ///   - activation: applied to the output, in the same pass where the kernels can.
    func callAsFunction(
        _ input_TI: Tensor, _ dropout: Dropout, site: UInt64, _ activation: Activation? = nil
    ) throws -> Tensor {
        precondition(layers.count == 1, "one output is asked for, and there are \(layers.count)")
        if let prepared { return try prepared.linear(input_TI, activation) }
        let output_TO = try layers[0](input_TI, dropout, site: site)
        return try activation?(output_TO) ?? output_TO
    }

    /// The outputs of all layers, which may be views of one tensor.
    ///
    /// - Parameter site: of the first layer; the others count on.
    func each(_ input_TI: Tensor, _ dropout: Dropout, site: UInt64) throws -> [Tensor] {
        guard let prepared else {
            return try layers.enumerated().map { try $1(input_TI, dropout, site: site + UInt64($0)) }
        }
        return try prepared.each(input_TI)
    }

    /// `output + residual`, in place where nobody else sees the output.
    func adding(_ residual: Tensor, to output: Tensor) throws -> Tensor {
        guard isPrepared else { return try output.adding(residual) }
        try output.addInPlace(residual)
        return output
    }
}

/// The weights of linear layers that share an input, as encoding wants them: each is in memory once.
///
/// On the CPU a weight is in the blocked layout of oneDNN, which was measured at 1.4 to 1.7 times the speed of the
/// plain layout in float32 and bfloat16. Where the CPU does not multiply its type, weights stay as they lie in the file
/// and are converted to the input's type for each product, which costs next to nothing for a whole batch.
private final class PreparedWeight {
    private enum Form {
        case prepacked(PrepackedWeight, bias: Tensor?)
        case quantized(QuantizedWeight, bias: Tensor?)
        case fused(Tensor, bias: Tensor?)
        case plain
    }

    private let layers: [Linear]
    private let form: Form

    /// Rows that a batch usually has; oneDNN chooses blocks by it. Any number of rows works.
    private static let expectedRowCount = 4096

    /// Takes the layers' weights over.
    init(_ layers: [Linear], quantizes: Bool) throws {
        self.layers = layers
        let weights = try layers.map { try $0.weight.values() }
        let isOnCPU = weights[0].device == .cpu
        if quantizes {
            let joined = weights.count == 1 ? weights[0] : try Tensor.cat(weights)
            form = .quantized(try QuantizedWeight(weight: joined), bias: try PreparedWeight.bias(layers))
            for layer in layers { try layer.weight.release() }
            return
        }
        guard isOnCPU ? PrepackedWeight.isSupported(weights[0].elementType) : layers.count > 1 else {
            form = .plain
            return
        }
        let joined = weights.count == 1 ? weights[0] : try Tensor.cat(weights)
        let bias = try PreparedWeight.bias(layers)
        form =
            isOnCPU
            ? .prepacked(try PrepackedWeight(joined, expectedRowCount: PreparedWeight.expectedRowCount), bias: bias)
            : .fused(joined, bias: bias)
        for layer in layers { try layer.weight.release() }
    }

    /// The biases end to end, zero for a layer that has none; nil where none has one.
    private static func bias(_ layers: [Linear]) throws -> Tensor? {
        guard let type = layers.lazy.compactMap(\.bias?.tensor.elementType).first else { return nil }
        if layers.count == 1 { return layers[0].bias?.tensor }
        return try Tensor.cat(
            layers.map { layer in
                try layer.bias?.tensor
                    ?? Tensor.zeros([layer.outputSize], type: type, device: layer.weight.device)
            })
    }

    /// The output of all layers, side by side, or of the only one.
    func linear(_ input: Tensor, _ activation: Activation?) throws -> Tensor {
        switch form {
        case .prepacked(let weight, let bias):
            if activation == .gelu { return try weight.linear(input, bias, .gelu) }
            let output = try weight.linear(input, bias)
            return try activation?(output) ?? output
        case .quantized(let weight, let bias):
            guard let activation else { return try weight.linear(input, bias, nil) }
            guard let fused = activation.fused else { return try activation(weight.linear(input, bias, nil)) }
            return try weight.linear(input, bias, fused)
        case .fused(let weight, let bias):
            let output = try input.linear(weight.to(input.elementType), bias)
            return try activation?(output) ?? output
        case .plain:
            let output = try layers[0](input, .none, site: 0)
            return try activation?(output) ?? output
        }
    }

    /// The outputs of all layers.
    func each(_ input: Tensor) throws -> [Tensor] {
        if case .plain = form { return try layers.map { try $0(input, .none, site: 0) } }
        let joined = try linear(input, nil)
        var start = 0
        return try layers.map { layer in
            defer { start += layer.outputSize }
            return try joined.narrow(1, start: start, length: layer.outputSize)
        }
    }
}
