/// Added and taken away again, it rounds a number below 2²² to a whole one, half to even. In between, the lowest bits are
/// that number.
let roundingTerm: Float = 0x1.8p23

extension ResamplingAxis {
    /// Rows that a pass along rows makes at a time, so that a weight is fetched once for all of them.
    static let rowsAtOnce = 4
    /// Numbers that such a pass reads and writes behind those that matter.
    static let overrun = 1

    /// Several rows, scaled along.
    ///
    /// - Parameters:
    ///   - source: ``rowsAtOnce`` rows of red, green and blue from 0 to 255, `sourceStride` numbers apart, and
    ///     ``overrun`` numbers more.
    ///   - target: as many rows, `targetStride` numbers apart, and ``overrun`` numbers more; not clamped.
    func scaleRows(
        _ source: UnsafePointer<Float>, _ sourceStride: Int, into target: UnsafeMutablePointer<Float>,
        _ targetStride: Int
    ) {
        firsts.withUnsafeBufferPointer { firsts in
            weights.withUnsafeBufferPointer { weights in
                let isRounded = !wholeWeights.isEmpty
                let scale = 1 / Float(1 << places)
                var nextWeights = weights.baseAddress!
                for position in 0..<firsts.count {
                    let pixels = source + 3 &* firsts[position]
                    var sums0 = SIMD4<Float>.zero
                    var sums1 = SIMD4<Float>.zero
                    var sums2 = SIMD4<Float>.zero
                    var sums3 = SIMD4<Float>.zero
                    var row = UnsafeRawPointer(pixels)
                    let rowBytes = 4 &* sourceStride
                    var left = tapCount
                    while left > 0 {
                        let weight = nextWeights.pointee
                        sums0 += row.loadUnaligned(as: SIMD4<Float>.self) * weight
                        sums1 += (row + rowBytes).loadUnaligned(as: SIMD4<Float>.self) * weight
                        sums2 += (row + 2 &* rowBytes).loadUnaligned(as: SIMD4<Float>.self) * weight
                        sums3 += (row + 3 &* rowBytes).loadUnaligned(as: SIMD4<Float>.self) * weight
                        row += 12
                        nextWeights += 1
                        left &-= 1
                    }
                    let out = UnsafeMutableRawPointer(target + 3 &* position)
                    let outBytes = 4 &* targetStride
                    if isRounded {
                        var doubts = SIMD4<Float>.zero
                        sums0 = round(sums0 * scale, &doubts)
                        sums1 = round(sums1 * scale, &doubts)
                        sums2 = round(sums2 * scale, &doubts)
                        sums3 = round(sums3 * scale, &doubts)
                        if hasSign(doubts) {
                            for row in 0..<ResamplingAxis.rowsAtOnce {
                                for channel in 0..<3 {
                                    target[row * targetStride + 3 * position + channel] = wholeSum(
                                        of: position, pixels + row * sourceStride + channel, stride: 3)
                                }
                            }
                            continue
                        }
                    }
                    out.storeBytes(of: sums0, as: SIMD4<Float>.self)
                    out.storeBytes(of: sums1, toByteOffset: outBytes, as: SIMD4<Float>.self)
                    out.storeBytes(of: sums2, toByteOffset: 2 &* outBytes, as: SIMD4<Float>.self)
                    out.storeBytes(of: sums3, toByteOffset: 3 &* outBytes, as: SIMD4<Float>.self)
                }
            }
        }
    }

    /// One target row out of the source rows of its span.
    ///
    /// - Parameters:
    ///   - position: of the target row.
    ///   - source: the first source row of the span; the others are `stride` numbers apart.
    ///   - target: `count` numbers; not clamped.
    func combineRows(
        of position: Int, _ source: UnsafePointer<Float>, _ stride: Int, into target: UnsafeMutablePointer<Float>,
        count: Int
    ) {
        let tapCount = tapCount
        let isRounded = !wholeWeights.isEmpty
        let scale = 1 / Float(1 << places)
        weights.withUnsafeBufferPointer { weights in
            let weights = weights.baseAddress! + position * tapCount
            var offset = 0
            while offset < count {
                // The last numbers are computed from the end, some of them twice.
                let start = max(0, min(offset, count - 16))
                if count < 16 {
                    for column in 0..<count {
                        var sum: Float = 0
                        for tap in 0..<tapCount { sum += source[tap * stride + column] * weights[tap] }
                        target[column] =
                            isRounded ? wholeSum(of: position, source + column, stride: stride) : sum
                    }
                    return
                }
                var row = UnsafeRawPointer(source + start)
                var sums = SIMD16<Float>.zero
                var tap = 0
                while tap < tapCount {
                    sums += row.loadUnaligned(as: SIMD16<Float>.self) * weights[tap]
                    row += 4 &* stride
                    tap &+= 1
                }
                if isRounded {
                    sums = sums * scale
                    var doubts = SIMD4<Float>.zero
                    let (low, high) = (sums.lowHalf, sums.highHalf)
                    let rounded = (
                        round(low.lowHalf, &doubts), round(low.highHalf, &doubts), round(high.lowHalf, &doubts),
                        round(high.highHalf, &doubts)
                    )
                    sums = SIMD16(
                        lowHalf: SIMD8(lowHalf: rounded.0, highHalf: rounded.1),
                        highHalf: SIMD8(lowHalf: rounded.2, highHalf: rounded.3))
                    if hasSign(doubts) {
                        for column in start..<start + 16 {
                            target[column] = wholeSum(of: position, source + column, stride: stride)
                        }
                        offset &+= 16
                        continue
                    }
                }
                UnsafeMutableRawPointer(target + start).storeBytes(of: sums, as: SIMD16<Float>.self)
                offset &+= 16
            }
        }
    }

    /// Sums rounded to whole numbers; `doubts` gets a sign where one is not certain.
    @inline(__always)
    private func round(_ sums: SIMD4<Float>, _ doubts: inout SIMD4<Float>) -> SIMD4<Float> {
        let rounded = (sums + roundingTerm) - roundingTerm
        let distance = unsafeBitCast(sums - rounded, to: SIMD4<UInt32>.self) & 0x7FFF_FFFF
        let certainty = certainDistance - unsafeBitCast(distance, to: SIMD4<Float>.self)
        doubts = unsafeBitCast(
            unsafeBitCast(doubts, to: SIMD4<UInt32>.self) | unsafeBitCast(certainty, to: SIMD4<UInt32>.self),
            to: SIMD4<Float>.self)
        return rounded
    }

    @inline(__always)
    private func hasSign(_ numbers: SIMD4<Float>) -> Bool {
        let bits = unsafeBitCast(numbers, to: SIMD2<UInt64>.self)
        return (bits[0] | bits[1]) & 0x8000_0000_8000_0000 != 0
    }

    /// A target pixel's channel, rounded as whole numbers are: half upwards.
    private func wholeSum(of position: Int, _ source: UnsafePointer<Float>, stride: Int) -> Float {
        var sum = (1 << places) / 2
        for tap in 0..<tapCount {
            sum += Int(source[tap * stride]) * Int(wholeWeights[position * tapCount + tap])
        }
        return Float(sum >> places)
    }
}
