/// Pixels of 8 bits a channel, rows from the top, channels interleaved: `[height, width, channels]`.
public struct Bitmap: Sendable, Equatable {
    public let width: Int
    public let height: Int
    /// 3: red, green, blue; 4: and alpha, not multiplied.
    public let channelCount: Int
    public let pixels: [UInt8]

    /// - Precondition: `pixels` has a byte for each channel of each pixel, and there are 3 or 4 channels.
    public init(width: Int, height: Int, channelCount: Int, pixels: [UInt8]) {
        precondition(channelCount == 3 || channelCount == 4, "RGB or RGBA")
        precondition(width > 0 && height > 0 && pixels.count == width * height * channelCount, "all pixels")
        self.width = width
        self.height = height
        self.channelCount = channelCount
        self.pixels = pixels
    }

    /// The pixels without alpha, as if they were opaque: what Pillow's `convert("RGB")` gives.
    public func opaque() -> Bitmap {
        guard channelCount == 4 else { return self }
        var rgb: [UInt8] = []
        rgb.reserveCapacity(width * height * 3)
        for pixel in stride(from: 0, to: pixels.count, by: 4) { rgb += pixels[pixel..<pixel + 3] }
        return Bitmap(width: width, height: height, channelCount: 3, pixels: rgb)
    }
}

/// How an image lies and how it is meant to be seen: the numbers of EXIF.
public enum Orientation: UInt8, Sendable, CaseIterable {
    case upright = 1
    case mirrored = 2
    case upsideDown = 3
    case flipped = 4
    /// Mirrored along the diagonal from the top left.
    case transposed = 5
    /// To be turned by 90° clockwise.
    case turnedLeft = 6
    /// Mirrored along the other diagonal.
    case transversed = 7
    /// To be turned by 90° counter-clockwise.
    case turnedRight = 8

    /// - Parameter turn: degrees clockwise by which it is to be turned: 0, 90, 180 or 270.
    init(turn: Int32) {
        self =
            switch turn {
            case 90: .turnedLeft
            case 180: .upsideDown
            case 270: .turnedRight
            default: .upright
            }
    }

    var swapsSides: Bool { rawValue >= 5 }
}

extension Bitmap {
    /// The image as it is meant to be seen.
    func upright(from orientation: Orientation) -> Bitmap {
        guard orientation != .upright else { return self }
        let (newWidth, newHeight) = orientation.swapsSides ? (height, width) : (width, height)
        let (right, bottom) = (width - 1, height - 1)
        var turned = [UInt8](repeating: 0, count: pixels.count)
        for y in 0..<newHeight {
            for x in 0..<newWidth {
                let (fromX, fromY) =
                    switch orientation {
                    case .upright: (x, y)
                    case .mirrored: (right - x, y)
                    case .upsideDown: (right - x, bottom - y)
                    case .flipped: (x, bottom - y)
                    case .transposed: (y, x)
                    case .turnedLeft: (y, bottom - x)
                    case .transversed: (right - y, bottom - x)
                    case .turnedRight: (right - y, x)
                    }
                let from = (fromY * width + fromX) * channelCount
                let to = (y * newWidth + x) * channelCount
                for channel in 0..<channelCount { turned[to + channel] = pixels[from + channel] }
            }
        }
        return Bitmap(width: newWidth, height: newHeight, channelCount: channelCount, pixels: turned)
    }
}
