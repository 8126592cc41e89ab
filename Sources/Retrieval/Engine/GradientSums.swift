public import Models
public import Tensors

/// Sums of gradients, one for each trained parameter.
public final class GradientSums {
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
