public import Tensors

/// The type that weights are kept in, and the one that is computed with.
public struct Precision: Sendable, Equatable {
    /// Of matrices and embeddings; vectors (biases, norms) are rounded to it as well.
    public let storage: ElementType
    /// Of hidden states, and of a weight while it is multiplied by.
    public let compute: ElementType

    /// Computes in the type itself, but on a CPU without instructions for it: there 16-bit weights are kept as they
    /// are and widened to float32 where they are used, which is as fast as float32 and ten times as fast as
    /// multiplying 16-bit numbers without such instructions.
    public init(_ type: ElementType, on device: Device) {
        storage = type
        compute = device == .cpu && type.byteCount == 2 && !PrepackedWeight.isSupported(type) ? .float32 : type
    }

    /// What users should know where the type is not computed in.
    public var note: String? {
        guard compute != storage else { return nil }
        return
            "this processor does not multiply numbers of this 16-bit type: weights are kept in it, and computed with "
            + "in float32"
    }
}
