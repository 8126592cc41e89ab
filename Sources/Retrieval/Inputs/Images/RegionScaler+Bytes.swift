internal import Media

extension RegionScaler {
    /// What writes a row of the region, counted from the first within the picture, in whole numbers.
    func byteRows(of pixels: UnsafeBufferPointer<UInt8>) -> (Int, UnsafeMutablePointer<UInt8>) -> Void {
        let across =
            scalesAcross
            ? ScalingWeights(from: source.width, to: target.width, columns, resampling, kernels) : nil
        let down =
            scalesDown ? ScalingWeights(from: source.height, to: target.height, rows, resampling, kernels) : nil
        guard let across else { return plainRows(of: pixels, down) }
        if let down, resampling.scalesColumnsFirst(from: source, to: target) {
            return columnsThenRows(pixels, across, down)
        }
        return rowsThenColumns(pixels, across, down)
    }

    /// Columns alone, or nothing at all.
    private func plainRows(
        of pixels: UnsafeBufferPointer<UInt8>, _ down: ScalingWeights?
    ) -> (Int, UnsafeMutablePointer<UInt8>) -> Void {
        let stride = 3 * source.width
        let length = 3 * columns.count
        let start = pixels.baseAddress! + 3 * columns.lowerBound
        guard let down else {
            return { [rows] row, target in
                target.update(from: start + (rows.lowerBound + row) * stride, count: length)
            }
        }
        return { row, target in
            down.combineRows(of: row, start + Int(down.firsts[row]) * stride, stride, into: target, count: length)
        }
    }

    private func rowsThenColumns(
        _ pixels: UnsafeBufferPointer<UInt8>, _ across: ScalingWeights, _ down: ScalingWeights?
    ) -> (Int, UnsafeMutablePointer<UInt8>) -> Void {
        let sourceStride = 3 * source.width
        let length = 3 * columns.count
        let stride = length + ScalingWeights.overwrite
        let scratch = Scratch<UInt8>(count: ScalingWeights.scratchBytes(sourceStride))
        let window = RowWindow<UInt8>(
            firsts: down.map { $0.firsts.map(Int.init) } ?? Array(rows), tapCount: down?.tapCount ?? 1,
            sourceCount: source.height, rowLength: stride
        ) { wanted, target in
            across.scaleRows(
                wanted, of: pixels, rowBytes: sourceStride, channelCount: 3, into: target, stride,
                scratch: scratch.pointer)
        }
        return { row, target in
            let source = window.rows(for: row)
            if let down {
                down.combineRows(of: row, source, stride, into: target, count: length)
            } else {
                target.update(from: source, count: length)
            }
        }
    }

    /// The same, down the columns first: Pillow 13 in some cases.
    private func columnsThenRows(
        _ pixels: UnsafeBufferPointer<UInt8>, _ across: ScalingWeights, _ down: ScalingWeights
    ) -> (Int, UnsafeMutablePointer<UInt8>) -> Void {
        let stride = 3 * source.width
        let length = 3 * columns.count
        let combined = Scratch<UInt8>(count: stride)
        let scaled = Scratch<UInt8>(count: length + ScalingWeights.overwrite)
        let scratch = Scratch<UInt8>(count: ScalingWeights.scratchBytes(stride))
        return { row, target in
            down.combineRows(
                of: row, pixels.baseAddress! + Int(down.firsts[row]) * stride, stride, into: combined.pointer,
                count: stride)
            across.scaleRows(
                0..<1, of: UnsafeBufferPointer(start: combined.pointer, count: stride), rowBytes: stride,
                channelCount: 3, into: scaled.pointer, length, scratch: scratch.pointer)
            target.update(from: scaled.pointer, count: length)
        }
    }
}

extension ScalingWeights {
    /// - Parameter targets: the wanted target pixels, within `0..<targetCount`.
    fileprivate init(
        from sourceCount: Int, to targetCount: Int, _ targets: Range<Int>, _ resampling: PixelResampling,
        _ kernels: PixelKernels
    ) {
        func spans(_ targets: Range<Int>) -> AxisSpans<Double> {
            AxisSpans(
                from: sourceCount, to: targetCount, targets, resampling.filter,
                middleFirst: resampling.arithmetic == .torchBytes)
        }
        var places = 22
        var chosen: AxisSpans<Double>?
        if resampling.arithmetic == .torchBytes {
            // The largest weight of the whole side tells how many places there are.
            let all = spans(0..<targetCount)
            places = 0
            while places < 22, Int(0.5 + all.largestWeight * Double(1 << (places + 1))) < 1 << 15 { places += 1 }
            if targets.count == targetCount { chosen = all }
        }
        let wanted = chosen ?? spans(targets)
        let unit = Double(1 << places)
        self.init(
            firsts: wanted.firsts, ends: wanted.ends,
            weights: wanted.weights.map { Int32($0 < 0 ? $0 * unit - 0.5 : $0 * unit + 0.5) }, places: places,
            sourceCount: sourceCount, kernels: kernels)
    }
}
