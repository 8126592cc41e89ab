package import Media

/// Scales a picture, or a part of what it becomes, and hands it over a band of rows at a time.
///
/// Bands stay in the processor's cache: nothing of the size of the picture is allocated.
package struct RegionScaler {
    let region: PixelRegion
    let source: PixelSize
    let target: PixelSize
    let resampling: PixelResampling
    /// What of the region lies within the picture.
    let columns: Range<Int>
    let rows: Range<Int>
    let kernels: PixelKernels

    /// - Parameters:
    ///   - target: of the whole picture.
    ///   - region: the part of it that is wanted; black where it reaches beyond.
    ///   - kernels: of tests; the bytes are the same.
    package init(
        from source: PixelSize, to target: PixelSize, region: PixelRegion, _ resampling: PixelResampling,
        kernels: PixelKernels = .best
    ) {
        self.source = source
        self.target = target
        self.region = region
        self.resampling = resampling
        self.kernels = kernels
        columns = region.columns.clamped(to: 0..<target.width)
        rows = region.rows.clamped(to: 0..<target.height)
    }

    var scalesAcross: Bool { source.width != target.width && !columns.isEmpty }
    var scalesDown: Bool { source.height != target.height && !rows.isEmpty }

    /// Whether the region's numbers are bytes: all but those of floats that were scaled.
    var givesBytes: Bool { resampling.arithmetic != .torchFloats || !(scalesAcross || scalesDown) }

    /// Calls `body` for bands of `bandHeight` rows of the region, from its top.
    ///
    /// - Precondition: ``givesBytes``.
    /// - Parameters:
    ///   - bitmap: of the size that the scaler was made for, without alpha.
    ///   - body: gets red, green and blue of the band's pixels, and the number of the band's first row within the region.
    ///     Rows below the region's last are undefined.
    func forEachByteBand(of bitmap: Bitmap, bandHeight: Int, _ body: (UnsafePointer<UInt8>, Int) -> Void) {
        precondition(givesBytes, "numbers that are bytes")
        withPixels(of: bitmap) { pixels in
            let makeRow = resampling.arithmetic.isWhole ? byteRows(of: pixels) : roundedRows(of: pixels)
            forEachBand(bandHeight, makeRow) { body(UnsafePointer($0), $1) }
        }
    }

    /// The same in numbers from 0 to 255, which floats may exceed; `body` may change them.
    func forEachBand(of bitmap: Bitmap, bandHeight: Int, _ body: (UnsafeMutablePointer<Float>, Int) -> Void) {
        precondition(!givesBytes, "numbers that are no bytes")
        withPixels(of: bitmap) { forEachBand(bandHeight, floatRows(of: $0), body) }
    }

    private func withPixels(of bitmap: Bitmap, _ body: (UnsafeBufferPointer<UInt8>) -> Void) {
        precondition(
            bitmap.width == source.width && bitmap.height == source.height && bitmap.channelCount == 3,
            "the picture that was planned, in red, green and blue")
        bitmap.pixels.withUnsafeBufferPointer(body)
    }

    /// - Parameter makeRow: writes a row of the region, counted from the first within the picture.
    private func forEachBand<Number: AdditiveArithmetic>(
        _ bandHeight: Int, _ makeRow: (Int, UnsafeMutablePointer<Number>) -> Void,
        _ body: (UnsafeMutablePointer<Number>, Int) -> Void
    ) {
        let rowLength = 3 * region.size.width
        let innerOffset = 3 * (columns.lowerBound - region.left)
        let band = Scratch<Number>(count: bandHeight * rowLength)
        for start in stride(from: 0, to: region.size.height, by: bandHeight) {
            for offset in 0..<min(bandHeight, region.size.height - start) {
                let row = region.top + start + offset
                let target = band.pointer + offset * rowLength
                let isInside = rows.contains(row) && !columns.isEmpty
                if !isInside || columns.count < region.size.width {
                    target.update(repeating: .zero, count: rowLength)
                }
                if isInside { makeRow(row - rows.lowerBound, target + innerOffset) }
            }
            body(band.pointer, start)
        }
    }
}
