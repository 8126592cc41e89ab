internal import CPixels

/// Which source pixels make up each target pixel along one side of a picture, in whole numbers, and the passes that scale
/// with them.
///
/// A target byte is `(half + Σ weight · byte) >> places`, clamped, as Pillow and torch have it on bytes.
package struct ScalingWeights: Sendable {
    /// The first source pixel of each target pixel.
    package let firsts: [Int32]
    /// Source pixels of a target pixel.
    package let tapCount: Int
    private let stride: Int
    private let low: [Int16]
    /// Empty where ``low`` has all of the weights.
    private let high: [Int16]
    private let places: Int
    private let kernels: PixelKernels

    /// Rows that ``scaleRows(_:channelCount:into:)`` makes at a time.
    package static let rowsAtOnce = Int(CPIXELS_ROWS)
    /// Bytes that are read, and written, behind a row.
    package static let overread = Int(CPIXELS_OVERREAD)
    package static let overwrite = Int(CPIXELS_OVERWRITE)

    /// - Parameters:
    ///   - firsts: the first source pixel of each target pixel.
    ///   - ends: where the weights of each target pixel end in `weights`.
    ///   - places: binary places of a weight, at most 22.
    ///   - kernels: of tests; the results are the same.
    package init(
        firsts spanFirsts: [Int], ends: [Int], weights: [Int32], places: Int, sourceCount: Int,
        kernels: PixelKernels = .best
    ) {
        let longest = zip(ends, [0] + ends).reduce(1) { max($0, $1.0 - $1.1) }
        let stride = (longest + 3) / 4 * 4
        let hasHigh = places > 15
        var firsts: [Int32] = []
        firsts.reserveCapacity(spanFirsts.count)
        var low = [Int16](repeating: 0, count: spanFirsts.count * stride)
        var high = [Int16](repeating: 0, count: hasHigh ? low.count : 0)
        let lowMask = Int32(1) << Int32(CPIXELS_LOW_BITS) - 1
        for (target, spanFirst) in spanFirsts.enumerated() {
            // Where a target pixel has fewer weights, its span begins earlier or goes on with weights of 0.
            let first = min(spanFirst, sourceCount - longest)
            let start = target == 0 ? 0 : ends[target - 1]
            for position in start..<ends[target] {
                let place = target * stride + spanFirst - first + position - start
                if hasHigh {
                    low[place] = Int16(weights[position] & lowMask)
                    high[place] = Int16(weights[position] >> Int32(CPIXELS_LOW_BITS))
                } else {
                    low[place] = Int16(weights[position])
                }
            }
            firsts.append(Int32(first))
        }
        self.firsts = firsts
        tapCount = longest
        self.stride = stride
        self.low = low
        self.high = high
        self.places = places
        self.kernels = kernels
    }

    /// Several rows, scaled along.
    ///
    /// - Parameters:
    ///   - sources: ``rowsAtOnce`` rows, each with ``overread`` bytes behind it that may be read.
    ///   - targets: as many, each with ``overwrite`` bytes behind it that may be written.
    package func scaleRows(
        _ sources: UnsafePointer<UnsafePointer<UInt8>?>, channelCount: Int,
        into targets: UnsafePointer<UnsafeMutablePointer<UInt8>?>
    ) {
        withWeights { cpixels_scale_rows(kernels.code, &$0, channelCount, sources, targets) }
    }

    /// One target row out of the source rows of its span.
    ///
    /// - Parameters:
    ///   - target: its number.
    ///   - source: the first source row of the span; the others are `stride` bytes apart.
    package func combineRows(
        of target: Int, _ source: UnsafePointer<UInt8>, _ stride: Int, into row: UnsafeMutablePointer<UInt8>, count: Int
    ) {
        withWeights { cpixels_combine_rows(kernels.code, &$0, target, source, stride, row, count) }
    }

    @inline(__always)
    private func withWeights(_ body: (inout cpixels_weights) -> Void) {
        firsts.withUnsafeBufferPointer { firsts in
            low.withUnsafeBufferPointer { low in
                high.withUnsafeBufferPointer { high in
                    var weights = cpixels_weights(
                        firsts: firsts.baseAddress, targetCount: firsts.count, tapCount: tapCount, stride: stride,
                        low: low.baseAddress, high: high.isEmpty ? nil : high.baseAddress, places: Int32(places))
                    body(&weights)
                }
            }
        }
    }
}

extension ScalingWeights {
    /// Rows of a picture, scaled along, in order.
    ///
    /// - Parameters:
    ///   - rows: numbers of the source rows, at most ``rowsAtOnce``.
    ///   - pixels: of the picture, to its last byte.
    ///   - targets: rows `targetStride` bytes apart, each with ``overwrite`` bytes behind it.
    ///   - scratch: ``scratchBytes(_:)`` bytes.
    package func scaleRows(
        _ rows: Range<Int>, of pixels: UnsafeBufferPointer<UInt8>, rowBytes: Int, channelCount: Int,
        into targets: UnsafeMutablePointer<UInt8>, _ targetStride: Int, scratch: UnsafeMutablePointer<UInt8>
    ) {
        let count = ScalingWeights.rowsAtOnce
        withUnsafeTemporaryAllocation(of: UnsafePointer<UInt8>?.self, capacity: count) { sources in
            withUnsafeTemporaryAllocation(of: UnsafeMutablePointer<UInt8>?.self, capacity: count) { goals in
                for place in 0..<count {
                    // Where there are fewer rows, the last one is made again.
                    let row = min(rows.lowerBound + place, rows.upperBound - 1)
                    var source = pixels.baseAddress! + row * rowBytes
                    if (row + 1) * rowBytes + ScalingWeights.overread > pixels.count {
                        let copy = scratch + place * (rowBytes + ScalingWeights.overread)
                        copy.update(from: source, count: rowBytes)
                        source = UnsafePointer(copy)
                    }
                    sources.initializeElement(at: place, to: source)
                    goals.initializeElement(at: place, to: targets + (row - rows.lowerBound) * targetStride)
                }
                scaleRows(
                    UnsafePointer(sources.baseAddress!), channelCount: channelCount,
                    into: UnsafePointer(goals.baseAddress!))
            }
        }
    }

    /// What ``scaleRows(_:of:rowBytes:channelCount:into:_:scratch:)`` needs: rows behind which more may be read.
    package static func scratchBytes(_ rowBytes: Int) -> Int { rowsAtOnce * (rowBytes + overread) }
}
