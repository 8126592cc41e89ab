package import CPixels

/// Which kernels compute with pixels; all give the same bytes.
package enum PixelKernels: Sendable, CaseIterable {
    /// Those for any processor.
    case portable
    /// The best for this one.
    case best

    package var code: cpixels_kernels { self == .best ? cpixels_best() : CPIXELS_PORTABLE }
}
