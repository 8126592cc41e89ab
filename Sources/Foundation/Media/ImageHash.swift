internal import Glibc

/// What tells whether two pictures show the same: 64 bits by which they are found, and a small picture by which what was
/// found is checked.
///
/// Both are made of a grid of 64 × 64 means of grey (``Bitmap/greyMeans(side:)``), so that size, format, quality, and colours
/// of equal brightness do not matter. A bit says whether a coefficient of the grid's DCT-II is above 0.05 of the root mean
/// square of all 64: those of the lowest frequencies in zigzag order, without the constant. Above that and not above 0 or
/// the median, because many pictures are symmetric: their coefficients of half of the frequencies are nothing but noise.
///
/// Source: Zauner 2010, "Implementation and benchmarking of perceptual image hash functions", for the bits of a DCT.
public struct ImageHash: BitwiseCopyable, Sendable {
    public static let bitCount = 64
    static let thumbnailSide = 32
    static let thumbnailCount = thumbnailSide * thumbnailSide
    private static let gridSide = 64
    /// Of the root mean square of the coefficients: what is taken for nothing.
    private static let deadZone = 0.05
    /// Below this ``contrast`` there is too little evidence: noise decides about the bits of a blank page, and of a page with
    /// a heading only its place is seen.
    public static let leastContrast = 10.0

    public let bits: UInt64
    /// The standard deviation of the grid's greys, which go from 0 to 255, without the edge.
    public let contrast: Double
    /// The picture as 32 × 32 greys around their mean, the one farthest from it at ±127; 0 on the edge, since in all of
    /// those with a frame it would look the same.
    let thumbnail: InlineArray<1024, Int8>

    /// - Complexity: O(pixels).
    public init(of image: Bitmap) {
        let greys = image.greyMeans(side: Self.gridSide)
        let inner = Self.innerCells.map { greys[$0] }
        let mean = inner.reduce(0, +) / Double(inner.count)
        contrast = (inner.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(inner.count)).squareRoot()
        bits = Self.bits(of: greys)
        thumbnail = Self.thumbnail(of: greys, mean: mean)
    }

    /// Whether there is too little to see for the picture to be compared: a blank page, a single colour, a line of text.
    public var isFlat: Bool { contrast < Self.leastContrast }

    /// Bits that differ, 0 to 64.
    public func distance(to other: ImageHash) -> Int { (bits ^ other.bits).nonzeroBitCount }

    /// The correlation of the small pictures, −1 to 1: 1 for equal ones, however bright and rich in contrast; 0 where one has
    /// a single grey.
    public func similarity(to other: ImageHash) -> Double {
        var (product, square, otherSquare) = (0, 0, 0)
        for cell in 0..<Self.thumbnailCount {
            let (left, right) = (Int(thumbnail[cell]), Int(other.thumbnail[cell]))
            product += left * right
            square += left * left
            otherSquare += right * right
        }
        guard square > 0, otherSquare > 0 else { return 0 }
        return Double(product) / (Double(square) * Double(otherSquare)).squareRoot()
    }

    // MARK: - From the grid

    /// Cells of the small picture on each side that are its edge.
    private static let edge = 1
    private static let block = gridSide / thumbnailSide

    /// The cells of the grid that are not on the edge.
    private static let innerCells: [Int] = {
        let inner = edge * block..<gridSide - edge * block
        return inner.flatMap { row in inner.map { row * gridSide + $0 } }
    }()

    /// The frequencies of the bits, across and down, in cycles of two grids.
    private static let frequencies: [(across: Int, down: Int)] = {
        var order = (0...bitCount).flatMap { sum in (0...sum).map { (across: sum - $0, down: $0) } }
        order.removeFirst()
        return Array(order[..<bitCount])
    }()

    /// `[frequency, 64]`: the rows of the DCT that are wanted.
    private static let cosines: [[Double]] = (0...frequencies.map { max($0.across, $0.down) }.max()!).map { frequency in
        (0..<gridSide).map { cos(Double.pi * (Double($0) + 0.5) * Double(frequency) / Double(gridSide)) }
    }

    private static func bits(of greys: [Double]) -> UInt64 {
        // [frequency across, row], then each with a frequency down.
        let across = cosines.map { cosine in
            (0..<gridSide).map { row in
                var sum = 0.0
                for column in 0..<gridSide { sum += greys[row * gridSide + column] * cosine[column] }
                return sum
            }
        }
        let coefficients = frequencies.map { frequency in
            let rows = across[frequency.across]
            let cosine = cosines[frequency.down]
            // Those that are constant in one direction are longer by √2.
            let scale = frequency.across == 0 || frequency.down == 0 ? 0.5.squareRoot() : 1
            var sum = 0.0
            for row in 0..<gridSide { sum += rows[row] * cosine[row] }
            return scale * sum
        }
        let square = coefficients.reduce(0) { $0 + $1 * $1 } / Double(bitCount)
        let threshold = deadZone * square.squareRoot()
        var bits: UInt64 = 0
        for (bit, coefficient) in coefficients.enumerated() where coefficient > threshold { bits |= 1 << UInt64(bit) }
        return bits
    }

    private static func thumbnail(of greys: [Double], mean: Double) -> InlineArray<1024, Int8> {
        var cells = [Double](repeating: 0, count: thumbnailCount)
        for cell in innerCells {
            let (row, column) = (cell / gridSide, cell % gridSide)
            cells[row / block * thumbnailSide + column / block] += greys[cell] - mean
        }
        let farthest = cells.reduce(0) { max($0, abs($1)) }
        // Rounding errors of a single grey are not to be made large.
        let scale = farthest > 1e-6 ? 127 / farthest : 0
        return InlineArray { Int8((cells[$0] * scale).rounded()) }
    }
}
