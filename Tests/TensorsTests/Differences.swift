import Tensors
import Testing

extension Tensor {
    func doubles() throws -> [Double] { try to(.float64).array(of: Double.self) }

    /// The tensor in another type, as a leaf that gradients flow to.
    func leaf(_ type: ElementType) throws -> Tensor { try to(type).clone().detached().requireGradient() }

    /// `1 + |x|` times this is what one rounding to the type may change.
    static func rounding(_ type: ElementType) -> Double {
        switch type {
        case .bfloat16: 0x1p-8
        case .float16: 0x1p-11
        case .float64: 0x1p-52
        default: 0x1p-23
        }
    }
}

/// Each element is as close to the expected one as `tolerance · (1 + |expected|)`, and both have the same shape.
func expectClose(
    _ got: Tensor, _ expected: Tensor, _ tolerance: Double, _ note: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
) throws {
    #expect(got.shape == expected.shape, "\(note)", sourceLocation: sourceLocation)
    var worst = 0.0
    for (one, other) in zip(try got.doubles(), try expected.doubles()) {
        let difference = abs(one - other) / (1 + abs(other))
        worst = difference <= worst ? worst : difference
    }
    #expect(worst <= tolerance, "\(note)", sourceLocation: sourceLocation)
}

/// Gradients of `Σ output · w` for fixed random w.
func gradients(of output: Tensor, _ inputs: [Tensor]) throws -> [Tensor] {
    // Of as many bits as the shortest type has, so that they are the same in all.
    let weights = try Tensor.normal(output.shape, seed: 77).to(.bfloat16).to(output.elementType)
    return try Tensor.gradients(of: [output], withRespectTo: inputs, outputGradients: [weights]).map { $0! }
}
