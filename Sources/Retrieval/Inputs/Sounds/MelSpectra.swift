internal import Base
internal import CMels

/// Power spectra of a signal's pieces, gathered into mels; computed in float32, eight pieces at a time.
///
/// Not Sendable: it holds memory for what lies between the steps.
final class MelSpectra {
    private let plan: OpaquePointer
    private let length: Int
    private let kernels: cmels_kernels

    /// - Parameters:
    ///   - window: as long as a piece, of an even number of samples.
    ///   - filters: of as many bins as half a piece has, and one more.
    init(window: [Float], _ filters: MelFilters, kernels: cmels_kernels = cmels_best()) {
        precondition(window.count.isMultiple(of: 2) && filters.binCount == window.count / 2 + 1, "bins of a piece")
        guard let plan = cmels_make(window.count, window, filters.weights, filters.melCount) else {
            Heap.exhausted("the tables of a transform")
        }
        self.plan = plan
        self.kernels = kernels
        length = window.count
    }

    deinit { cmels_free(plan) }

    /// Samples that a signal of so many frames must have: with fewer than are computed at a time, as if there were more.
    func sampleCount(frameCount: Int, hop: Int) -> Int { (max(frameCount, Int(CMELS_LANES)) - 1) * hop + length }

    /// Mels of the pieces that begin at each `hop`-th sample.
    ///
    /// - Parameters:
    ///   - signal: of ``sampleCount(frameCount:hop:)`` samples.
    ///   - keptCount: frames that are written; the others only count for the largest.
    ///   - mels: `[mels, stride]`, of which the first `keptCount` columns are written; it need not be initialised.
    /// - Returns: the largest of all frames; nil where samples are no finite numbers, or too large to be squared.
    func mels(
        of signal: [Float], hop: Int, frameCount: Int, keptCount: Int, into mels: UnsafeMutablePointer<Float>,
        stride: Int
    ) -> Float? {
        precondition(frameCount > 0 && keptCount <= min(frameCount, stride), "frames")
        precondition(signal.count >= sampleCount(frameCount: frameCount, hop: hop), "a signal of all frames")
        var largest: Float = 0
        return cmels_compute(kernels, plan, signal, hop, frameCount, keptCount, mels, stride, &largest)
            ? largest : nil
    }

    /// `log10(max(x, smallest)) · scale + shift` of each number, in its place.
    static func takeLogarithms(
        of numbers: UnsafeMutableBufferPointer<Float>, smallest: Float, scale: Float, shift: Float
    ) {
        guard let address = numbers.baseAddress else { return }
        cmels_logarithms(cmels_best(), address, numbers.count, smallest, scale, shift)
    }
}
