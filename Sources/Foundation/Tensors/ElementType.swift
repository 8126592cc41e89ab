internal import CTorch

/// What a tensor's elements are.
public enum ElementType: Sendable, Hashable, CaseIterable {
    case float32, float16, bfloat16, float64, int32, int64, uint8, bool

    /// Bytes of one element.
    public var byteCount: Int {
        switch self {
        case .uint8, .bool: 1
        case .float16, .bfloat16: 2
        case .float32, .int32: 4
        case .float64, .int64: 8
        }
    }

    public var isFloatingPoint: Bool {
        switch self {
        case .float32, .float16, .bfloat16, .float64: true
        case .int32, .int64, .uint8, .bool: false
        }
    }

    var code: CTorchType {
        switch self {
        case .float32: CTORCH_F32
        case .float16: CTORCH_F16
        case .bfloat16: CTORCH_BF16
        case .float64: CTORCH_F64
        case .int32: CTORCH_I32
        case .int64: CTORCH_I64
        case .uint8: CTORCH_U8
        case .bool: CTORCH_BOOL
        }
    }

    init(_ code: CTorchType) {
        switch code {
        case CTORCH_F16: self = .float16
        case CTORCH_BF16: self = .bfloat16
        case CTORCH_F64: self = .float64
        case CTORCH_I32: self = .int32
        case CTORCH_I64: self = .int64
        case CTORCH_U8: self = .uint8
        case CTORCH_BOOL: self = .bool
        default: self = .float32
        }
    }
}

/// A Swift type whose arrays can be copied into and out of tensors bit by bit.
public protocol TensorElement: BitwiseCopyable, Sendable {
    static var elementType: ElementType { get }
}

extension Float: TensorElement {
    public static var elementType: ElementType { .float32 }
}

extension Float16: TensorElement {
    public static var elementType: ElementType { .float16 }
}

extension Double: TensorElement {
    public static var elementType: ElementType { .float64 }
}

extension Int32: TensorElement {
    public static var elementType: ElementType { .int32 }
}

extension Int64: TensorElement {
    public static var elementType: ElementType { .int64 }
}

extension UInt8: TensorElement {
    public static var elementType: ElementType { .uint8 }
}
