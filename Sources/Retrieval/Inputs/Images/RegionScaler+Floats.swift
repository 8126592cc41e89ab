extension RegionScaler {
    /// What writes a row of the region, counted from the first within the picture, in numbers that may lie outside of
    /// 0…255.
    func floatRows(of pixels: UnsafeBufferPointer<UInt8>) -> (Int, UnsafeMutablePointer<Float>) -> Void {
        let across =
            scalesAcross ? ResamplingAxis(from: source.width, to: target.width, columns, resampling.filter) : nil
        let down = scalesDown ? ResamplingAxis(from: source.height, to: target.height, rows, resampling.filter) : nil
        let pixels = pixels.baseAddress!
        let sourceStride = 3 * source.width
        let length = 3 * columns.count
        let stride = length + ResamplingAxis.overrun
        let stagedRows = Scratch<Float>(count: ResamplingAxis.rowsAtOnce * sourceStride + ResamplingAxis.overrun)
        let window = RowWindow<Float>(
            firsts: down?.firsts ?? Array(rows), tapCount: down?.tapCount ?? 1, sourceCount: source.height,
            rowLength: stride
        ) { [columns] wanted, target in
            guard let across else {
                for row in wanted {
                    let bytes = pixels + row * sourceStride + 3 * columns.lowerBound
                    widen(bytes, into: target + (row - wanted.lowerBound) * stride, count: length)
                }
                return
            }
            widen(
                pixels + wanted.lowerBound * sourceStride, into: stagedRows.pointer,
                count: wanted.count * sourceStride)
            across.scaleRows(stagedRows.pointer, sourceStride, into: target, stride)
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

    /// The same as bytes: clamped, and rounded half to even.
    func roundedRows(of pixels: UnsafeBufferPointer<UInt8>) -> (Int, UnsafeMutablePointer<UInt8>) -> Void {
        guard scalesAcross || scalesDown else { return byteRows(of: pixels) }
        let makeRow = floatRows(of: pixels)
        let length = 3 * columns.count
        let numbers = Scratch<Float>(count: length)
        return { row, target in
            makeRow(row, numbers.pointer)
            var position = 0
            while position < length {
                let number = numbers.pointer[position]
                let positive = number > 0 ? number : 0
                let clamped = positive < 255 ? positive : 255
                target[position] = UInt8(truncatingIfNeeded: (clamped + roundingTerm).bitPattern)
                position &+= 1
            }
        }
    }
}

extension PixelResampling.Arithmetic {
    /// Whether bytes are scaled with whole weights.
    var isWhole: Bool {
        switch self {
        case .pillow, .pillow13, .torchBytes: true
        case .torchRounded, .torchFloats: false
        }
    }
}

/// Added, it leaves a number below 2²² as a whole one in the lowest bits, rounded half to even.
private let roundingTerm: Float = 0x1.8p23

private func widen(_ bytes: UnsafePointer<UInt8>, into numbers: UnsafeMutablePointer<Float>, count: Int) {
    var position = 0
    while position < count {
        numbers[position] = Float(bytes[position])
        position &+= 1
    }
}
