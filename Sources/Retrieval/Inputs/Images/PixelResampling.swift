/// How a picture is brought to another size: the filter, and whose arithmetic.
///
/// All filters are widened where a side gets shorter, so that nothing aliases, and run along the rows, then along the
/// columns. The libraries differ in how they round on the way:
public struct PixelResampling: Sendable, Hashable {
    public enum Filter: String, Sendable, CaseIterable {
        /// Cubic convolution with a = −0.5.
        case bicubic
        case bilinear
    }

    public enum Arithmetic: String, Sendable, CaseIterable {
        /// Pillow up to 12: weights of 22 binary places, bytes between the passes.
        case pillow
        /// Pillow 13: as ``pillow``; columns come first where more than twice as many rows are lost as columns.
        case pillow13
        /// torch on bytes, as torchvision's processors do: weights of at most 15 binary places, bytes between the passes.
        case torchBytes
        /// torch on float32, with the result clamped and rounded to bytes: frames as qwen-vl-utils loads them.
        case torchRounded
        /// torch on float32, neither clamped nor rounded: frames that come to a processor as floats. Values may lie
        /// outside of 0…255.
        case torchFloats
    }

    public let filter: Filter
    public let arithmetic: Arithmetic

    public init(_ filter: Filter, _ arithmetic: Arithmetic) {
        self.filter = filter
        self.arithmetic = arithmetic
    }

    /// Whether the columns are scaled before the rows.
    func scalesColumnsFirst(from source: PixelSize, to target: PixelSize) -> Bool {
        arithmetic == .pillow13
            && source.height - target.height > 2 * max(source.width - target.width, 0)
    }
}

extension PixelResampling.Filter {
    /// Pixels to each side of the middle that have a weight, where the picture gets no smaller.
    var support: Int { self == .bicubic ? 2 : 1 }

    /// - Parameter x: distance from the middle, in pixels of the narrower grid.
    @inline(__always)
    func weight<Real: BinaryFloatingPoint>(_ x: Real) -> Real {
        let x = abs(x)
        switch self {
        case .bilinear: return x < 1 ? 1 - x : 0
        case .bicubic:
            let a: Real = -0.5
            if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
            if x < 2 { return (((x - 5) * x + 8) * x - 4) * a }
            return 0
        }
    }
}
