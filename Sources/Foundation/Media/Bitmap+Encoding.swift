internal import CJPEG
internal import CPNG
internal import Glibc

/// Formats that images are written in.
public enum ImageFormat: String, Sendable, CaseIterable {
    case jpeg, png

    /// The most pixels of a side: libjpeg's limit, and PNG's.
    public var largestSide: Int { self == .jpeg ? 65_500 : Int(Int32.max) }
}

extension Bitmap {
    /// The image as a file: the same pixels and options give the same bytes, with one version of the library.
    ///
    /// No colour profile, time or comment is written. JPEG has no alpha: see ``onWhite()``, which is applied.
    ///
    /// - Parameter quality: of JPEG, 1 to 100.
    /// - Throws: ``MediaError`` for sides beyond 65,500 pixels as JPEG; without memory.
    public func encoded(as format: ImageFormat, quality: Int = 90) throws(MediaError) -> [UInt8] {
        precondition((1...100).contains(quality), "libjpeg's scale")
        var bytes: UnsafeMutablePointer<UInt8>?
        var count = 0
        let status: Int32
        var message: [CChar]
        switch format {
        case .jpeg:
            message = [CChar](repeating: 0, count: Int(TVT_JPEG_MESSAGE_BYTES))
            let image = onWhite()
            status = tvt_jpeg_encode(
                image.pixels, UInt32(width), UInt32(height), Int32(quality), &bytes, &count, &message)
        case .png:
            message = [CChar](repeating: 0, count: Int(TVT_PNG_MESSAGE_BYTES))
            status = tvt_png_encode(
                pixels, UInt32(width), UInt32(height), UInt32(channelCount), &bytes, &count, &message)
        }
        guard status == 0, let bytes else { throw MediaError(status: status, message) }
        defer { free(bytes) }
        return Array(UnsafeBufferPointer(start: bytes, count: count))
    }

    /// The pixels without alpha, over white: `c·a + 255·(1 − a)`, rounded.
    public func onWhite() -> Bitmap {
        guard channelCount == 4 else { return self }
        var rgb: [UInt8] = []
        rgb.reserveCapacity(width * height * 3)
        pixels.withUnsafeBufferPointer { pixels in
            for pixel in stride(from: 0, to: pixels.count, by: 4) {
                let alpha = Int(pixels[pixel + 3])
                for channel in 0..<3 {
                    rgb.append(UInt8((Int(pixels[pixel + channel]) * alpha + 255 * (255 - alpha) + 127) / 255))
                }
            }
        }
        return Bitmap(width: width, height: height, channelCount: 3, pixels: rgb)
    }

    /// The image with at most so many pixels, its sides in the same proportion; itself where it has no more.
    ///
    /// Scaled as ``scaled(toWidth:height:)`` does, with alpha multiplied in and out, so that colours behind what is
    /// transparent do not shine through.
    ///
    /// - Precondition: `pixelCount` is at least 1.
    public func fitted(toPixelCount pixelCount: Int) -> Bitmap {
        precondition(pixelCount > 0, "at least one pixel")
        guard width * height > pixelCount else { return self }
        let scale = (Double(pixelCount) / Double(width * height)).squareRoot()
        var newWidth = max(1, Int(Double(width) * scale))
        var newHeight = max(1, Int(Double(height) * scale))
        // Where one side would be less than a pixel, the other is shorter for it.
        newWidth = min(newWidth, pixelCount)
        newHeight = min(newHeight, pixelCount / newWidth)
        newWidth = min(newWidth, pixelCount / newHeight)
        guard channelCount == 4 else { return scaled(toWidth: newWidth, height: newHeight) }
        return alphaMultiplied().scaled(toWidth: newWidth, height: newHeight).alphaDivided()
    }

    private func alphaMultiplied() -> Bitmap {
        changed { ($0 * $1 + 127) / 255 }
    }

    private func alphaDivided() -> Bitmap {
        changed { $1 == 0 ? 0 : min(255, ($0 * 255 + $1 / 2) / $1) }
    }

    /// - Parameter change: a colour and its alpha to a colour.
    private func changed(_ change: (Int, Int) -> Int) -> Bitmap {
        var changed = pixels
        changed.withUnsafeMutableBufferPointer { pixels in
            for pixel in stride(from: 0, to: pixels.count, by: 4) {
                let alpha = Int(pixels[pixel + 3])
                for channel in pixel..<pixel + 3 { pixels[channel] = UInt8(change(Int(pixels[channel]), alpha)) }
            }
        }
        return Bitmap(width: width, height: height, channelCount: 4, pixels: changed)
    }
}
