internal import Media

/// Scales a picture, or a part of what it becomes, and hands it over a band of rows at a time.
///
/// Bands stay in the processor's cache: nothing of the size of the picture is allocated.
package struct RegionScaler {
    let region: PixelRegion
    private let source: PixelSize
    private let target: PixelSize
    private let resampling: PixelResampling
    /// What of the region lies within the picture.
    private let columns: Range<Int>
    private let rows: Range<Int>

    /// - Parameters:
    ///   - target: of the whole picture.
    ///   - region: the part of it that is wanted; black where it reaches beyond.
    package init(from source: PixelSize, to target: PixelSize, region: PixelRegion, _ resampling: PixelResampling) {
        self.source = source
        self.target = target
        self.region = region
        self.resampling = resampling
        columns = region.columns.clamped(to: 0..<target.width)
        rows = region.rows.clamped(to: 0..<target.height)
    }

    /// Calls `body` for bands of `bandHeight` rows of the region, from its top.
    ///
    /// - Parameters:
    ///   - bitmap: of the size that the scaler was made for, without alpha.
    ///   - body: gets red, green and blue of the band's pixels, from 0 to 255, whole unless the arithmetic is that of
    ///     floats; and the number of the band's first row within the region. It may change the numbers. Rows below the
    ///     region's last are undefined.
    func forEachBand(
        of bitmap: Bitmap, bandHeight: Int, _ body: (UnsafeMutablePointer<Float>, Int) -> Void
    ) {
        precondition(
            bitmap.width == source.width && bitmap.height == source.height && bitmap.channelCount == 3,
            "the picture that was planned, in red, green and blue")
        bitmap.pixels.withUnsafeBufferPointer { pixels in
            let scalesColumnsFirst = resampling.scalesColumnsFirst(from: source, to: target)
            let across =
                source.width == target.width || columns.isEmpty
                ? nil : ResamplingAxis(from: source.width, to: target.width, columns, resampling)
            let down =
                source.height == target.height || rows.isEmpty
                ? nil : ResamplingAxis(from: source.height, to: target.height, rows, resampling)
            let makeRow: (Int, UnsafeMutablePointer<Float>) -> Void
            if let across, let down, scalesColumnsFirst {
                makeRow = columnsThenRows(pixels.baseAddress!, across, down)
            } else {
                makeRow = rowsThenColumns(pixels.baseAddress!, across, down)
            }
            let rowLength = 3 * region.size.width
            let innerOffset = 3 * (columns.lowerBound - region.left)
            let band = Scratch(count: bandHeight * rowLength + ResamplingAxis.overrun)
            for start in stride(from: 0, to: region.size.height, by: bandHeight) {
                for offset in 0..<min(bandHeight, region.size.height - start) {
                    let row = region.top + start + offset
                    let target = band.pointer + offset * rowLength
                    let isInside = rows.contains(row) && !columns.isEmpty
                    if !isInside || columns.count < region.size.width {
                        target.update(repeating: 0, count: rowLength)
                    }
                    if isInside { makeRow(row - rows.lowerBound, target + innerOffset) }
                }
                body(band.pointer, start)
            }
        }
    }

    /// What writes a row of the region, counted from the first within the picture: along the rows first.
    private func rowsThenColumns(
        _ pixels: UnsafePointer<UInt8>, _ across: ResamplingAxis?, _ down: ResamplingAxis?
    ) -> (Int, UnsafeMutablePointer<Float>) -> Void {
        let sourceStride = 3 * source.width
        let length = 3 * columns.count
        let stride = length + ResamplingAxis.overrun
        let stagedRows = Scratch(count: ResamplingAxis.rowsAtOnce * sourceStride + ResamplingAxis.overrun)
        let isRounded = resampling.roundsBetween
        let window = RowWindow(
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
            if isRounded { clamp(target, count: wanted.count * stride) }
        }
        let isClamped = resampling.arithmetic != .torchFloats
        let isRoundedLast = resampling.arithmetic == .torchRounded
        return { row, target in
            let source = window.rows(for: row)
            if let down {
                down.combineRows(of: row, source, stride, into: target, count: length)
            } else {
                target.update(from: source, count: length)
            }
            if isClamped { clamp(target, count: length) }
            if isRoundedLast { roundHalfToEven(target, count: length) }
        }
    }

    /// The same, down the columns first: Pillow 13 in some cases.
    private func columnsThenRows(
        _ pixels: UnsafePointer<UInt8>, _ across: ResamplingAxis, _ down: ResamplingAxis
    ) -> (Int, UnsafeMutablePointer<Float>) -> Void {
        let stride = 3 * source.width
        let length = 3 * columns.count
        let window = RowWindow(
            firsts: down.firsts, tapCount: down.tapCount, sourceCount: source.height, rowLength: stride
        ) { wanted, target in
            widen(pixels + wanted.lowerBound * stride, into: target, count: wanted.count * stride)
        }
        let combined = Scratch(count: ResamplingAxis.rowsAtOnce * stride + ResamplingAxis.overrun)
        let scaled = Scratch(count: ResamplingAxis.rowsAtOnce * (length + ResamplingAxis.overrun))
        return { row, target in
            down.combineRows(of: row, window.rows(for: row), stride, into: combined.pointer, count: stride)
            clamp(combined.pointer, count: stride)
            across.scaleRows(combined.pointer, stride, into: scaled.pointer, length + ResamplingAxis.overrun)
            target.update(from: scaled.pointer, count: length)
            clamp(target, count: length)
        }
    }
}

extension PixelResampling {
    /// Whether what the first pass gives are bytes.
    fileprivate var roundsBetween: Bool {
        switch arithmetic {
        case .pillow, .pillow13, .torchBytes: true
        case .torchRounded, .torchFloats: false
        }
    }
}

private func widen(_ bytes: UnsafePointer<UInt8>, into numbers: UnsafeMutablePointer<Float>, count: Int) {
    var position = 0
    while position < count {
        numbers[position] = Float(bytes[position])
        position &+= 1
    }
}

private func clamp(_ numbers: UnsafeMutablePointer<Float>, count: Int) {
    var position = 0
    while position < count {
        let number = numbers[position]
        let positive = number > 0 ? number : 0
        numbers[position] = positive < 255 ? positive : 255
        position &+= 1
    }
}

private func roundHalfToEven(_ numbers: UnsafeMutablePointer<Float>, count: Int) {
    for position in 0..<count { numbers[position] = (numbers[position] + roundingTerm) - roundingTerm }
}

/// Memory that lives as long as the object, at first 0.
private final class Scratch {
    let pointer: UnsafeMutablePointer<Float>

    init(count: Int) {
        pointer = .allocate(capacity: max(1, count))
        pointer.initialize(repeating: 0, count: max(1, count))
    }

    deinit { pointer.deallocate() }
}

/// The source rows that a pass over columns is looking at, one after the other in memory; each is made once.
private final class RowWindow {
    private let firsts: [Int]
    private let tapCount: Int
    private let sourceCount: Int
    private let rowLength: Int
    private let capacity: Int
    private let memory: Scratch
    private let make: (Range<Int>, UnsafeMutablePointer<Float>) -> Void
    /// The source rows that are there, from the beginning of the memory.
    private var present = 0..<0

    /// - Parameter make: writes source rows, at most `ResamplingAxis.rowsAtOnce`; it may write as many in any case.
    init(
        firsts: [Int], tapCount: Int, sourceCount: Int, rowLength: Int,
        _ make: @escaping (Range<Int>, UnsafeMutablePointer<Float>) -> Void
    ) {
        self.firsts = firsts
        self.tapCount = tapCount
        self.sourceCount = sourceCount
        self.rowLength = rowLength
        self.make = make
        // Room for more than is needed, so that rows are moved to the front seldom.
        capacity = 2 * tapCount + 2 * ResamplingAxis.rowsAtOnce
        memory = Scratch(count: (capacity + ResamplingAxis.rowsAtOnce) * rowLength)
    }

    /// The source rows of a target row's span. Target rows ascend.
    func rows(for target: Int) -> UnsafePointer<Float> {
        let wanted = firsts[target]..<firsts[target] + tapCount
        if wanted.upperBound - present.lowerBound > capacity || wanted.lowerBound > present.upperBound {
            let kept = wanted.clamped(to: present)
            memory.pointer.update(
                from: memory.pointer + (kept.lowerBound - present.lowerBound) * rowLength,
                count: kept.count * rowLength)
            present = kept.isEmpty ? wanted.lowerBound..<wanted.lowerBound : kept
        }
        while present.upperBound < wanted.upperBound {
            let end = min(present.upperBound + ResamplingAxis.rowsAtOnce, sourceCount)
            make(
                present.upperBound..<end,
                memory.pointer + (present.upperBound - present.lowerBound) * rowLength)
            present = present.lowerBound..<end
        }
        return UnsafePointer(memory.pointer + (wanted.lowerBound - present.lowerBound) * rowLength)
    }
}
