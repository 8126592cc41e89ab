extension Bitmap {
    /// The mean grey of each cell of a square grid that is laid over the picture, rows from the top.
    ///
    /// Grey is `0.299·red + 0.587·green + 0.114·blue`, over white where there is alpha. Cells are of equal size, so that they
    /// share pixels where the sides are no multiples of the grid; a picture smaller than the grid is spread over it.
    ///
    /// - Returns: `[side, side]`, 0 to 255, computed in whole numbers: equal on every machine.
    /// - Complexity: O(width · height), one pass.
    package func greyMeans(side: Int) -> [Double] {
        precondition(side > 0, "at least one cell")
        let columns = CellSpan.spans(of: side, over: width)
        let rows = CellSpan.spans(of: side, over: height)
        // Sums are in units of 1/side of a pixel in each direction: at most 2^26 for a pixel and 2^27 pixels.
        var cells = [Int](repeating: 0, count: side * side)
        var greys = [Int32](repeating: 0, count: width)
        var means = [Int](repeating: 0, count: side)
        var firstRow = 0
        for y in 0..<height {
            readGreys(ofRow: y, into: &greys)
            greys.withUnsafeBufferPointer { greys in
                for (cell, span) in columns.enumerated() { means[cell] = span.sum(of: greys, unit: side) }
            }
            while firstRow < side, rows[firstRow].last < y { firstRow += 1 }
            var row = firstRow
            while row < side, rows[row].first <= y {
                let weight = rows[row].weight(of: y, unit: side)
                for cell in 0..<side { cells[row * side + cell] += weight * means[cell] }
                row += 1
            }
        }
        let scale = 1 / (255_000 * Double(width) * Double(height))
        return cells.map { Double($0) * scale }
    }

    /// Thousandths of 255ths: 0 to 255 · 255,000.
    private func readGreys(ofRow y: Int, into greys: inout [Int32]) {
        let (width, channelCount) = (width, channelCount)
        pixels.withUnsafeBufferPointer { pixels in
            greys.withUnsafeMutableBufferPointer { greys in
                var position = y * width * channelCount
                for x in 0..<width {
                    let grey =
                        299 * Int32(pixels[position]) + 587 * Int32(pixels[position + 1])
                        + 114 * Int32(pixels[position + 2])
                    let alpha = channelCount == 4 ? Int32(pixels[position + 3]) : 255
                    greys[x] = grey * alpha + 255_000 * (255 - alpha)
                    position += channelCount
                }
            }
        }
    }
}

/// The pixels of one cell along a side, the first and the last of them in part.
private struct CellSpan {
    let first: Int
    let last: Int
    /// Of the first and the last pixel, in units of which a pixel has as many as there are cells.
    let firstWeight: Int
    let lastWeight: Int

    static func spans(of cellCount: Int, over pixelCount: Int) -> [CellSpan] {
        (0..<cellCount).map { cell in
            let (start, end) = (cell * pixelCount, (cell + 1) * pixelCount)
            let (first, last) = (start / cellCount, (end - 1) / cellCount)
            return CellSpan(
                first: first, last: last, firstWeight: min(end, (first + 1) * cellCount) - start,
                lastWeight: end - max(start, last * cellCount))
        }
    }

    func weight(of pixel: Int, unit: Int) -> Int {
        pixel == first ? firstWeight : pixel == last ? lastWeight : unit
    }

    func sum(of greys: UnsafeBufferPointer<Int32>, unit: Int) -> Int {
        var sum = firstWeight * Int(greys[first])
        guard last > first else { return sum }
        var between = 0
        for pixel in first + 1..<last { between += Int(greys[pixel]) }
        sum += unit * between + lastWeight * Int(greys[last])
        return sum
    }
}
