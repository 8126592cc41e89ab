public import Models
public import Tensors

/// Takes the gradients of trained parameters as backward comes by them.
public protocol GradientSink: AnyObject {
    /// Adds a gradient of the parameter of a number; it is the sink's from then on.
    func add(_ gradient: Tensor, at index: Int) throws
    /// Hears that backward has left a piece of the model: it has no more gradients for these parameters.
    ///
    /// - Parameter piece: a number of ``BlockwiseEncoder/trainedOfPieces``. Each backward leaves all pieces that have
    ///   something to train, from the last to the first, also those that its inputs did not need.
    func leave(piece: Int) throws
}

/// Sums of gradients, one for each trained parameter.
public final class GradientSums: GradientSink {
    private var sums: [Tensor?]

    public init(count: Int) { sums = Array(repeating: nil, count: count) }

    /// Takes the first gradient as it is and adds later ones to it in place.
    public func add(_ gradient: Tensor, at index: Int) throws {
        guard let sum = sums[index] else {
            sums[index] = gradient
            return
        }
        try withoutGradients { try sum.addInPlace(gradient) }
    }

    public func leave(piece: Int) {}

    /// All sums, in the order of the parameters; nil for one that nothing depended on. Empties the sums.
    public func take() -> [Tensor?] {
        defer { sums = Array(repeating: nil, count: sums.count) }
        return sums
    }

    /// The same, with zero for one that nothing depended on.
    public func take(for parameters: [Parameter]) throws -> [Tensor] {
        try zip(parameters, take()).map { try $1 ?? $0.tensor.zerosLike() }
    }
}
