internal import CPixels
internal import Media

/// Writes bands of pixels as the rows of patches.
struct PatchWriter {
    private let layout: PatchLayout
    /// Patches across.
    private let gridWidth: Int
    /// Numbers from one row of a band's pixels to the next.
    private let stride: Int
    /// Whether the picture's rows are more than a cache keeps until a tower reads them.
    private let isLarge: Bool

    /// Bytes of a picture's rows from which on they are written past the caches: more than a core's share of them.
    private static let largeByteCount = 2 << 20

    /// - Parameter pixelWidth: of a band; what is behind the last whole patch is left out.
    init(_ layout: PatchLayout, grid: PatchGrid, pixelWidth: Int) {
        self.layout = layout
        gridWidth = grid.width
        stride = 3 * pixelWidth
        isLarge = grid.height * grid.width * layout.rowWidth * MemoryLayout<Float>.size >= Self.largeByteCount
    }

    /// Rows of pixels that a band has.
    var bandHeight: Int { layout.patchSide * layout.mergeSide }

    /// Writes one frame's part of the rows that a band of pixels becomes.
    ///
    /// - Parameters:
    ///   - band: red, green and blue: `[bandHeight, pixelWidth, 3]`.
    ///   - rows: `[mergeSide · gridWidth, rowWidth]`, beginning at the band's first patch.
    ///   - slots: which frames of the patch these pixels are.
    func write(
        _ band: UnsafePointer<UInt8>, _ normalisation: PixelNormalisation, into rows: UnsafeMutablePointer<Float>,
        slots: Range<Int>
    ) {
        let kernels = PixelKernels.best.code
        var formula = normalisation.formulaOfBytes
        guard isLarge, slots.count == layout.framesPerPatch else {
            forEachPatch(into: rows) { offset, row in write(band + offset, kernels, &formula, into: row, slots) }
            return
        }
        withUnsafeTemporaryAllocation(of: Float.self, capacity: layout.rowWidth) { patch in
            forEachPatch(into: rows) { offset, row in
                write(band + offset, kernels, &formula, into: patch.baseAddress!, slots)
                cpixels_stream(kernels, patch.baseAddress!, layout.rowWidth, row)
            }
        }
    }

    /// One frame's part of a patch.
    @inline(__always)
    private func write(
        _ pixels: UnsafePointer<UInt8>, _ kernels: cpixels_kernels, _ formula: inout cpixels_normalisation,
        into row: UnsafeMutablePointer<Float>, _ slots: Range<Int>
    ) {
        let side = layout.patchSide
        guard !layout.channelsLast else {
            for y in 0..<side {
                cpixels_normalise(kernels, &formula, pixels + y * stride, 3 * side, row + y * 3 * side)
            }
            return
        }
        let area = side * side
        var planes = cpixels_planes(
            first: row + slots.lowerBound * area, rowStride: side, planeStride: layout.framesPerPatch * area,
            copyStride: area, copyCount: slots.count)
        cpixels_write_planes(kernels, &formula, pixels, stride, side, side, &planes)
    }

    /// The same for pixels that are values already.
    func write(_ band: UnsafePointer<Float>, into rows: UnsafeMutablePointer<Float>, slots: Range<Int>) {
        forEachPatch(into: rows) { offset, row in
            if layout.channelsLast {
                writePixels(band + offset, into: row)
            } else {
                let first = row + slots.lowerBound * layout.patchSide * layout.patchSide
                writePlanes(band + offset, into: first)
                repeatFrame(first, slots)
            }
        }
    }

    /// Calls `body` with where each patch's first pixel is in the band, and with its row.
    @inline(__always)
    private func forEachPatch(
        into rows: UnsafeMutablePointer<Float>, _ body: (Int, UnsafeMutablePointer<Float>) -> Void
    ) {
        let (side, merge) = (layout.patchSide, layout.mergeSide)
        var row = rows
        for group in 0..<gridWidth / merge {
            for y in 0..<merge {
                for x in 0..<merge {
                    body(y * side * stride + 3 * side * (group * merge + x), row)
                    row += layout.rowWidth
                }
            }
        }
    }

    /// Copies the first frame to the others: what was just written is in the nearest cache still.
    private func repeatFrame(_ first: UnsafeMutablePointer<Float>, _ slots: Range<Int>) {
        let area = layout.patchSide * layout.patchSide
        let plane = layout.framesPerPatch * area
        for slot in slots.dropFirst() {
            for channel in 0..<3 {
                let from = first + channel * plane
                (from + (slot - slots.lowerBound) * area).update(from: from, count: area)
            }
        }
    }

    /// `[channel, frame, y, x]`
    private func writePlanes(_ pixels: UnsafePointer<Float>, into first: UnsafeMutablePointer<Float>) {
        let side = layout.patchSide
        let plane = layout.framesPerPatch * side * side
        var target = first
        var line = pixels
        for _ in 0..<side {
            var pixel = line
            let end = target + side
            while target < end {
                target[0] = pixel[0]
                target[plane] = pixel[1]
                target[2 &* plane] = pixel[2]
                pixel += 3
                target += 1
            }
            line += stride
        }
    }

    /// `[y, x, channel]`
    private func writePixels(_ pixels: UnsafePointer<Float>, into row: UnsafeMutablePointer<Float>) {
        let length = 3 * layout.patchSide
        for y in 0..<layout.patchSide { (row + y * length).update(from: pixels + y * stride, count: length) }
    }
}
