internal import Base
internal import Media

extension LogMel {
    /// A picture of the features: time from left to right, low pitch at the bottom, a pixel for each number, from the
    /// smallest number, black, to the largest, pale yellow.
    func picture(of frontEnd: SoundFrontEnd) -> Bitmap {
        let isFramesFirst = frontEnd.isFramesFirst
        let (frameCount, melCount) = isFramesFirst ? (shape[0], shape[1]) : (shape[1], shape[0])
        let (smallest, largest) = (values.min() ?? 0, values.max() ?? 0)
        let scale = largest > smallest ? 1 / (largest - smallest) : 0
        var pixels: [UInt8] = []
        pixels.reserveCapacity(3 * values.count)
        for mel in (0..<melCount).reversed() {
            for frame in 0..<frameCount {
                let value = values[isFramesFirst ? frame * melCount + mel : mel * frameCount + frame]
                HeatColour.append((value - smallest) * scale, to: &pixels)
            }
        }
        return Bitmap(width: frameCount, height: melCount, channelCount: 3, pixels: pixels)
    }
}

extension SoundFrontEnd {
    /// `80 bands of pitch × 1,500 frames in 15.0 s`
    func caption(frameCount: Int, sampleCount: Int) -> String {
        let seconds = decimal(Double(frameCount * hop) / Double(rate), digits: 1)
        let clip = decimal(Double(sampleCount) / Double(rate), digits: 1)
        let silence = frameCount * hop > sampleCount + hop ? ", silent from \(clip) s on" : ""
        return "\(melCount) bands of pitch × \(grouped(frameCount)) frames in \(seconds) s\(silence)"
    }

    private var hop: Int {
        switch self {
        case .whisper(let settings): settings.hop
        case .gemma(let settings): settings.hop
        }
    }
}

/// Colours from dark to light, whose lightness grows evenly.
private enum HeatColour {
    private static let stops: [(Float, Float, Float)] = [
        (0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164),
    ]

    /// - Parameter share: 0 to 1.
    static func append(_ share: Float, to pixels: inout [UInt8]) {
        let place = min(max(share, 0), 1) * Float(stops.count - 1)
        let first = min(Int(place), stops.count - 2)
        let rest = place - Float(first)
        let (from, to) = (stops[first], stops[first + 1])
        pixels.append(UInt8(from.0 + (to.0 - from.0) * rest))
        pixels.append(UInt8(from.1 + (to.1 - from.1) * rest))
        pixels.append(UInt8(from.2 + (to.2 - from.2) * rest))
    }
}
