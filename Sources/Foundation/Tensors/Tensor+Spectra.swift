internal import CTorch

// Short-time Fourier transforms.
extension Tensor {
    /// Magnitudes of the spectra of a signal's pieces, one a row; nothing is put in front of it or behind it.
    ///
    /// Row i is `|rfft(signal[i·hop ..< i·hop + W] · window)|`, after zeros were added up to `length`; there are as many rows
    /// as pieces lie within the signal. The transforms are computed in float64: those in float32 err by some 1e-7 of the
    /// largest number of a row, which is much for the smallest.
    ///
    /// - Parameters:
    ///   - signal: any number of samples; fewer than W give no row.
    ///   - window: float32 `[W]`, on the CPU.
    ///   - hop: samples from one piece to the next, 1 or more.
    ///   - length: of a transform, W or more.
    /// - Returns: float32 `[pieces, length / 2 + 1]`, on the CPU; without gradients.
    /// - Throws: `TensorError` for another window, hop or length.
    /// - Complexity: O(pieces · length · log length) time; beside the result, one block of pieces.
    public static func spectra(
        of signal: Span<Float>, window: Tensor, hop: Int, length: Int
    ) throws -> Tensor {
        try signal.withUnsafeBufferPointer { signal in
            // An empty span may have no address; the door then reads nothing.
            let address = signal.baseAddress ?? UnsafePointer(bitPattern: 8)!
            return try made("spectra", window) {
                ctorch_spectra(address, Int64(signal.count), $0, Int64(hop), Int64(length), $1, $2)
            }
        }
    }
}
