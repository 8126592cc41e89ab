internal import CTorch

extension Tensor {
    /// Zeroes each element with the given probability and scales the rest by 1 / (1 − p).
    ///
    /// A function of (seed, position in the tensor) alone: the same on every device and for any number of threads.
    public func dropout(_ probability: Double, seed: UInt64) throws -> Tensor {
        if probability == 0 { return self }
        return try made("dropout", self) { ctorch_dropout($0, probability, seed, $1, $2) }
    }

    /// What ``dropout(_:seed:)`` multiplies by, as a tensor: float32, made on the device.
    ///
    /// - Parameter byOperations: of tensors, as on every device but the CPU, where one pass over memory is faster.
    package static func dropoutMask(
        _ shape: [Int], _ probability: Double, seed: UInt64, device: Device = .cpu, byOperations: Bool? = nil
    ) throws -> Tensor {
        try withSizes(shape) { sizes, count in
            try made("dropoutMask") {
                ctorch_dropout_mask(
                    sizes, count, probability, seed, device.code, byOperations ?? (device != .cpu), $0, $1)
            }
        }
    }
}
