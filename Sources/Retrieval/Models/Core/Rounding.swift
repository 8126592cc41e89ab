internal import Base
internal import Tensors

extension Tensor {
    /// The values in another type and place, where finite numbers stay finite.
    ///
    /// - Parameter name: what the values are, for the message.
    /// - Throws: `Failure` (78) where a number is too large for the type: it would be infinite there, and attention
    ///   kernels swallow infinity.
    func rounded(to type: ElementType, _ device: Device? = nil, name: String) throws -> Tensor {
        let device = device ?? self.device
        let hasSmallerRange = type.byteCount < elementType.byteCount || (type == .float16 && elementType == .bfloat16)
        guard type.isFloatingPoint, hasSmallerRange else { return try to(type, device) }
        // Rounded where they are, so that a GPU is sent no more than it keeps.
        let rounded = try to(type)
        // Limits that numbers are clipped to may be infinite before.
        guard try rounded.isFinite() || !isFinite() else {
            let advice =
                switch type {
                case .float16: "Choose a type with a wider range: bf16 or f32."
                case .bfloat16: "Choose a type with a wider range: f32."
                default: "The checkpoint is damaged, or its training diverged."
                }
            throw Failure(
                .badConfiguration, "\(name) holds a number that is too large for \(type)", advice: advice)
        }
        return try rounded.to(device)
    }
}
