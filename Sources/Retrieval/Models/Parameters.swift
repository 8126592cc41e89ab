internal import Base
public import Tensors

/// One named tensor of a model, under the name that its checkpoint uses.
public final class Parameter {
    public let name: String
    /// Changed in place by training, only where ``isTrainable``.
    public private(set) var tensor: Tensor
    /// Whether gradients are recorded for it.
    public private(set) var isTrainable = false

    public init(_ name: String, _ tensor: Tensor) {
        self.name = name
        self.tensor = tensor
    }

    /// Lets training change it: the values move to memory of their own (weights from a file are mapped read-only).
    public func makeTrainable() throws {
        guard !isTrainable else { return }
        tensor = try withoutGradients { try tensor.clone() }
        try tensor.requireGradient()
        isTrainable = true
    }

    /// Gives the values up: they have been laid out anew elsewhere.
    func release() throws {
        precondition(!isTrainable, "\(name) is being trained")
        tensor = try Tensor.zeros([0], type: tensor.elementType)
    }

    /// Replaces the values, keeping the shape.
    func replace(_ values: Tensor) throws {
        guard values.shape == tensor.shape else {
            throw TensorError("replace", "\(name) is \(tensor.shape), not \(values.shape)")
        }
        tensor = values
    }
}
