/// Writes bands of pixels as the rows of patches.
struct PatchWriter {
    private let layout: PatchLayout
    /// Patches across.
    private let gridWidth: Int
    /// Numbers from one row of a band's pixels to the next.
    private let stride: Int

    /// - Parameter pixelWidth: of a band; what is behind the last whole patch is left out.
    init(_ layout: PatchLayout, gridWidth: Int, pixelWidth: Int) {
        self.layout = layout
        self.gridWidth = gridWidth
        stride = 3 * pixelWidth
    }

    /// Rows of pixels that a band has.
    var bandHeight: Int { layout.patchSide * layout.mergeSide }

    /// Writes one frame's part of the rows that a band of pixels becomes.
    ///
    /// - Parameters:
    ///   - band: values of red, green and blue: `[bandHeight, pixelWidth, 3]`.
    ///   - rows: `[mergeSide · gridWidth, rowWidth]`, beginning at the band's first patch.
    ///   - slots: which frames of the patch these pixels are.
    func write(_ band: UnsafePointer<Float>, into rows: UnsafeMutablePointer<Float>, slots: Range<Int>) {
        let (side, merge, width) = (layout.patchSide, layout.mergeSide, layout.rowWidth)
        var target = rows
        for group in 0..<gridWidth / merge {
            for y in 0..<merge {
                for x in 0..<merge {
                    let pixels = band + y * side * stride + 3 * side * (group * merge + x)
                    if layout.channelsLast {
                        writePixels(pixels, into: target)
                    } else {
                        writePlanes(pixels, into: target, slots)
                    }
                    target += width
                }
            }
        }
    }

    /// `[channel, frame, y, x]`
    private func writePlanes(
        _ pixels: UnsafePointer<Float>, into row: UnsafeMutablePointer<Float>, _ slots: Range<Int>
    ) {
        let side = layout.patchSide
        let area = side * side
        let plane = layout.framesPerPatch * area
        let first = row + slots.lowerBound * area
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
        // What was just written is in the nearest cache still.
        for slot in slots.dropFirst() {
            for channel in 0..<3 {
                let from = first + channel * plane
                (from + (slot - slots.lowerBound) * area).update(from: from, count: area)
            }
        }
    }

    /// `[y, x, channel]`
    private func writePixels(_ pixels: UnsafePointer<Float>, into row: UnsafeMutablePointer<Float>) {
        let length = 3 * layout.patchSide
        for y in 0..<layout.patchSide { (row + y * length).update(from: pixels + y * stride, count: length) }
    }
}
