public import Tensors

/// One named tensor of a model, under the name that the model uses.
///
/// A parameter is a place: what lies in it is lent by whoever keeps the weights, and may be taken away again.
public final class Parameter {
    public let name: String
    /// Changed in place by training, only where ``isTrainable``.
    public private(set) var tensor: Tensor
    /// Whether gradients are recorded for it.
    public private(set) var isTrainable = false
    /// The type that values are rounded to; ``tensor`` may hold them in a wider one, which is computed with.
    private let storage: ElementType
    /// Takes the file's bytes out of memory when the values are no longer needed.
    private let discard: (() -> Void)?

    /// - Parameters:
    ///   - storage: nil for the type of the tensor.
    ///   - discard: called when the values have been given up or copied.
    public init(_ name: String, _ tensor: Tensor, storage: ElementType? = nil, discard: (() -> Void)? = nil) {
        self.name = name
        self.tensor = tensor
        self.storage = storage ?? tensor.elementType
        self.discard = discard
    }

    /// Lets training change it: the values move to memory of their own (weights from a file are mapped read-only).
    public func makeTrainable() throws {
        guard !isTrainable else { return }
        tensor = try withoutGradients { try tensor.clone() }
        try tensor.requireGradient()
        isTrainable = true
        discard?()
    }

    /// Gives the values up: they have been laid out anew elsewhere.
    func release() throws {
        precondition(!isTrainable, "\(name) is being trained")
        tensor = try Tensor.zeros([0], type: tensor.elementType)
        discard?()
    }

    /// Replaces the values, rounded to the type that weights are kept in; the shape stays.
    func replace(_ values: Tensor) throws {
        guard values.shape == tensor.shape else {
            throw TensorError("replace", "\(name) is \(tensor.shape), not \(values.shape)")
        }
        tensor = try values.to(storage, tensor.device).to(tensor.elementType)
        discard?()
    }
}
