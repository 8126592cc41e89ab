internal import Tensors

/// The function between the layers of a feed-forward net.
enum Activation: Sendable {
    case gelu, geluTanh, relu, silu
    /// `x · σ(1.702 x)`
    case quickGELU

    func callAsFunction(_ input: Tensor) throws -> Tensor {
        switch self {
        case .gelu: try input.gelu()
        case .geluTanh: try input.geluTanh()
        case .relu: try input.relu()
        case .silu: try input.silu()
        case .quickGELU: try input.multiplied(by: 1.702).sigmoid().multiplied(by: input)
        }
    }

    /// What a field of `config.json` says.
    ///
    /// - Throws: `InputError` for a function that is not known.
    init(_ reader: ConfigurationReader, _ field: String, default fallback: String) throws {
        switch try reader.string(field, default: fallback) {
        case "gelu": self = .gelu
        case "gelu_new", "gelu_pytorch_tanh": self = .geluTanh
        case "relu": self = .relu
        case "silu", "swish": self = .silu
        case "quick_gelu": self = .quickGELU
        case let other: throw reader.error(field, "the activation \"\(other)\" is not known")
        }
    }
}

extension Activation {
    /// The same function as the kernels of `Tensors` know it; nil for one that they do not.
    var fused: Tensor.Activation? {
        switch self {
        case .gelu: .gelu
        case .geluTanh: .geluTanh
        case .relu: .relu
        case .silu: .silu
        case .quickGELU: nil
        }
    }

    /// `act(gate) ⊙ up`, in one pass where the kernels can.
    func gated(_ gate: Tensor, by up: Tensor) throws -> Tensor {
        guard let fused else { return try self(gate).multiplied(by: up) }
        return try gate.gated(up: up, fused)
    }
}
