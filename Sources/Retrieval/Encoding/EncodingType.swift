public import Tensors

/// The precision of weights and computation, by the names that the command line has for them.
public enum EncodingType: String, Sendable, CaseIterable {
    case f32, f16, bf16

    public var elementType: ElementType {
        switch self {
        case .f32: .float32
        case .f16: .float16
        case .bf16: .bfloat16
        }
    }

    init(_ type: ElementType) {
        self = EncodingType.allCases.first { $0.elementType == type } ?? .f32
    }
}
