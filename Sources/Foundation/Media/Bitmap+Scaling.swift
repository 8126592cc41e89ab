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
        let filter = ScalingFilter(from: width, to: newWidth)
        let channels = channelCount
        var output = [UInt8](repeating: 0, count: newWidth * height * channels)
        pixels.withUnsafeBufferPointer { input in
            filter.weights.withUnsafeBufferPointer { weights in
                output.withUnsafeMutableBufferPointer { output in
                    for y in 0..<height {
                        let row = y * width * channels
                        for x in 0..<newWidth {
                            let span = filter.spans[x]
                            let target = (y * newWidth + x) * channels
                            for channel in 0..<channels {
                                var sum = ScalingFilter.half
                                var from = row + span.first * channels + channel
                                for weight in span.weights {
                                    sum += Int(input[from]) * weights[weight]
                                    from += channels
                                }
                                output[target + channel] = ScalingFilter.byte(sum)
                            }
                        }
                    }
                }
            }
        }
        return Bitmap(width: newWidth, height: height, channelCount: channels, pixels: output)
    }

    private func scaledDown(to newHeight: Int) -> Bitmap {
        let filter = ScalingFilter(from: height, to: newHeight)
        let rowBytes = width * channelCount
        var output = [UInt8](repeating: 0, count: newHeight * rowBytes)
        var sums = [Int](repeating: 0, count: rowBytes)
        pixels.withUnsafeBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                sums.withUnsafeMutableBufferPointer { sums in
                    for y in 0..<newHeight {
                        sums.update(repeating: ScalingFilter.half)
                        let span = filter.spans[y]
                        for (offset, weight) in span.weights.enumerated() {
                            let weight = filter.weights[weight]
                            let row = (span.first + offset) * rowBytes
                            for byte in 0..<rowBytes { sums[byte] &+= Int(input[row + byte]) &* weight }
                        }
                        for byte in 0..<rowBytes { output[y * rowBytes + byte] = ScalingFilter.byte(sums[byte]) }
                    }
                }
            }
        }
        return Bitmap(width: width, height: newHeight, channelCount: channelCount, pixels: output)
    }
}

/// The weights of all input pixels for each output pixel along one side.
private struct ScalingFilter {
    /// Binary places of a weight.
    static let places = 22
    static let half = 1 << (places - 1)

    struct Span {
        /// The first input pixel.
        var first: Int
        /// Where its weight and those of the next pixels stand.
        var weights: Range<Int>
    }

    private(set) var spans: [Span] = []
    private(set) var weights: [Int] = []

    init(from inputCount: Int, to outputCount: Int) {
        let scale = Double(inputCount) / Double(outputCount)
        let filterScale = max(scale, 1)
        let support = 2 * filterScale
        for output in 0..<outputCount {
            let center = (Double(output) + 0.5) * scale
            let first = max(0, Int(center - support + 0.5))
            let end = min(inputCount, Int(center + support + 0.5))
            let values = (first..<end).map { Self.bicubic((Double($0) - center + 0.5) / filterScale) }
            let sum = values.reduce(0, +)
            let start = weights.count
            for value in values {
                let weight = (sum == 0 ? value : value / sum) * Double(1 << Self.places)
                weights.append(Int(weight < 0 ? weight - 0.5 : weight + 0.5))
            }
            spans.append(Span(first: first, weights: start..<weights.count))
        }
    }

    private static func bicubic(_ x: Double) -> Double {
        let a = -0.5
        let x = abs(x)
        if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
        if x < 2 { return (((x - 5) * x + 8) * x - 4) * a }
        return 0
    }

    static func byte(_ sum: Int) -> UInt8 { UInt8(clamping: sum >> places) }
}
