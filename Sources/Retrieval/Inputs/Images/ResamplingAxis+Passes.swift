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
                var nextWeights = weights.baseAddress!
                for position in 0..<firsts.count {
                    var sums0 = SIMD4<Float>.zero
                    var sums1 = SIMD4<Float>.zero
                    var sums2 = SIMD4<Float>.zero
                    var sums3 = SIMD4<Float>.zero
                    var row = UnsafeRawPointer(source + 3 &* firsts[position])
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
        weights.withUnsafeBufferPointer { weights in
            let weights = weights.baseAddress! + position * tapCount
            if count < 16 {
                for column in 0..<count {
                    var sum: Float = 0
                    for tap in 0..<tapCount { sum += source[tap * stride + column] * weights[tap] }
                    target[column] = sum
                }
                return
            }
            var offset = 0
            while offset < count {
                // The last numbers are computed from the end, some of them twice.
                let start = min(offset, count - 16)
                var row = UnsafeRawPointer(source + start)
                var sums = SIMD16<Float>.zero
                var tap = 0
                while tap < tapCount {
                    sums += row.loadUnaligned(as: SIMD16<Float>.self) * weights[tap]
                    row += 4 &* stride
                    tap &+= 1
                }
                UnsafeMutableRawPointer(target + start).storeBytes(of: sums, as: SIMD16<Float>.self)
                offset &+= 16
            }
        }
    }
}
