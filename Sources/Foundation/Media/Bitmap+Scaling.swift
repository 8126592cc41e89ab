extension Bitmap {
    /// The image at another size, by a bicubic filter (a = −0.5) that is widened where it gets smaller, so that nothing
    /// aliases. The bytes are those of Pillow's `resize((width, height), Image.Resampling.BICUBIC)`.
    ///
    /// Alpha is scaled like a colour; Pillow multiplies it in and out. Call ``opaque()`` before where that matters.
    ///
    /// - Complexity: O(width · height · channels · filter), in two passes over integers of 22 binary places.
    ///
    /// Source: Pillow, `src/libImaging/Resample.c`; Keys 1981.
    public func scaled(toWidth newWidth: Int, height newHeight: Int) -> Bitmap {
        precondition(newWidth > 0 && newHeight > 0, "at least one pixel")
        var image = self
        if newWidth != width { image = image.scaledAcross(to: newWidth) }
        if newHeight != height { image = image.scaledDown(to: newHeight) }
        return image
    }

    private func scaledAcross(to newWidth: Int) -> Bitmap {
        let weights = ScalingWeights(bicubicFrom: width, to: newWidth)
        let length = newWidth * channelCount
        let stride = length + ScalingWeights.overwrite
        let scaled = [UInt8](unsafeUninitializedCapacity: height * length) { output, count in
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: ScalingWeights.rowsAtOnce * stride) { rows in
                let scratchBytes = ScalingWeights.scratchBytes(width * channelCount)
                withUnsafeTemporaryAllocation(of: UInt8.self, capacity: scratchBytes) { scratch in
                    pixels.withUnsafeBufferPointer { pixels in
                        for start in Swift.stride(from: 0, to: height, by: ScalingWeights.rowsAtOnce) {
                            let end = min(start + ScalingWeights.rowsAtOnce, height)
                            weights.scaleRows(
                                start..<end, of: pixels, rowBytes: width * channelCount, channelCount: channelCount,
                                into: rows.baseAddress!, stride, scratch: scratch.baseAddress!)
                            for row in start..<end {
                                (output.baseAddress! + row * length).update(
                                    from: rows.baseAddress! + (row - start) * stride, count: length)
                            }
                        }
                    }
                }
            }
            count = height * length
        }
        return Bitmap(width: newWidth, height: height, channelCount: channelCount, pixels: scaled)
    }

    private func scaledDown(to newHeight: Int) -> Bitmap {
        let weights = ScalingWeights(bicubicFrom: height, to: newHeight)
        let rowBytes = width * channelCount
        let scaled = [UInt8](unsafeUninitializedCapacity: newHeight * rowBytes) { output, count in
            pixels.withUnsafeBufferPointer { pixels in
                for row in 0..<newHeight {
                    weights.combineRows(
                        of: row, pixels.baseAddress! + Int(weights.firsts[row]) * rowBytes, rowBytes,
                        into: output.baseAddress! + row * rowBytes, count: rowBytes)
                }
            }
            count = newHeight * rowBytes
        }
        return Bitmap(width: width, height: newHeight, channelCount: channelCount, pixels: scaled)
    }
}

extension ScalingWeights {
    /// Those of Pillow's bicubic filter.
    fileprivate init(bicubicFrom sourceCount: Int, to targetCount: Int) {
        let places = 22
        let scale = Double(sourceCount) / Double(targetCount)
        let filterScale = max(scale, 1)
        let support = 2 * filterScale
        var firsts: [Int] = []
        var ends: [Int] = []
        var weights: [Int32] = []
        for target in 0..<targetCount {
            let center = (Double(target) + 0.5) * scale
            let first = max(0, Int(center - support + 0.5))
            let end = min(sourceCount, Int(center + support + 0.5))
            let values = (first..<end).map { Self.bicubic((Double($0) - center + 0.5) / filterScale) }
            let sum = values.reduce(0, +)
            for value in values {
                let weight = (sum == 0 ? value : value / sum) * Double(1 << places)
                weights.append(Int32(weight < 0 ? weight - 0.5 : weight + 0.5))
            }
            firsts.append(first)
            ends.append(weights.count)
        }
        self.init(firsts: firsts, ends: ends, weights: weights, places: places, sourceCount: sourceCount)
    }

    private static func bicubic(_ x: Double) -> Double {
        let a = -0.5
        let x = abs(x)
        if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
        if x < 2 { return (((x - 5) * x + 8) * x - 4) * a }
        return 0
    }
}
