internal import Models
public import Tensors

/// The precision of weights and computation, by the names that the command line has for them.
public enum EncodingType: String, Sendable, CaseIterable {
    case f32, f16, bf16
    /// Linear layers in 8 bits, the rest in float32.
    case int8

    public var elementType: ElementType {
        switch self {
        case .f32, .int8: .float32
        case .f16: .float16
        case .bf16: .bfloat16
        }
    }

    init(_ model: EmbeddingModel) {
        let type = model.precision.storage
        self = model.isQuantized ? .int8 : EncodingType.allCases.first { $0.elementType == type } ?? .f32
    }
}
