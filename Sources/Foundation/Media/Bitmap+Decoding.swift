internal import CAV
internal import CJPEG
internal import CPNG
internal import CWebP
internal import Glibc

extension Bitmap {
    /// Decodes an image and stands it upright: JPEG, PNG, WebP, and what libav knows (GIF, BMP, TIFF); of moving images the
    /// first picture.
    ///
    /// - Parameter wholly: further pictures of a moving image are decoded as well, so that damage there is found.
    /// - Throws: ``MediaError`` for bytes that are no image, are damaged or cut off, or ask for more than the limits.
    public init(
        decoding bytes: UnsafeRawBufferPointer, limits: MediaLimits = MediaLimits(), wholly: Bool = false
    ) throws(MediaError) {
        if bytes.starts(with: [0xFF, 0xD8, 0xFF]) {
            self = try .jpeg(bytes, limits)
        } else if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]) {
            self = try .png(bytes, limits)
        } else if bytes.starts(with: Array("RIFF".utf8)), bytes.dropFirst(8).starts(with: Array("WEBP".utf8)) {
            self = try .webp(bytes, limits, wholly: wholly)
        } else {
            self = try .other(bytes, limits, wholly: wholly)
        }
    }

    private static func jpeg(
        _ bytes: UnsafeRawBufferPointer, _ limits: MediaLimits
    ) throws(MediaError) -> Bitmap {
        var image = tvt_jpeg_image()
        var message = [CChar](repeating: 0, count: Int(TVT_JPEG_MESSAGE_BYTES))
        let status = tvt_jpeg_decode(
            bytes.baseAddress, bytes.count, UInt64(limits.pixelCount), limits.deadline, &image, &message)
        guard status == 0 else { throw MediaError(status: status, message) }
        defer { free(image.pixels) }
        let orientation = Orientation(exif: UnsafeRawBufferPointer(start: image.exif, count: image.exifCount))
        return Bitmap(copying: image.pixels, width: image.width, height: image.height, channelCount: 3)
            .upright(from: orientation)
    }

    private static func png(_ bytes: UnsafeRawBufferPointer, _ limits: MediaLimits) throws(MediaError) -> Bitmap {
        var image = tvt_png_image()
        var message = [CChar](repeating: 0, count: Int(TVT_PNG_MESSAGE_BYTES))
        let status = tvt_png_decode(
            bytes.baseAddress, bytes.count, UInt64(limits.pixelCount), limits.deadline, &image, &message)
        guard status == 0 else { throw MediaError(status: status, message) }
        defer {
            free(image.pixels)
            free(image.exif)
        }
        let orientation = Orientation(exif: UnsafeRawBufferPointer(start: image.exif, count: image.exifCount))
        return Bitmap(
            copying: image.pixels, width: image.width, height: image.height, channelCount: Int(image.channels)
        ).upright(from: orientation)
    }

    private static func webp(
        _ bytes: UnsafeRawBufferPointer, _ limits: MediaLimits, wholly: Bool
    ) throws(MediaError) -> Bitmap {
        var image = tvt_webp_image()
        var message = [CChar](repeating: 0, count: Int(TVT_WEBP_MESSAGE_BYTES))
        let status = tvt_webp_decode(
            bytes.baseAddress, bytes.count, UInt64(limits.pixelCount), limits.deadline, wholly, &image, &message)
        guard status == 0 else { throw MediaError(status: status, message) }
        defer { free(image.pixels) }
        let orientation = Orientation(exif: UnsafeRawBufferPointer(start: image.exif, count: image.exifCount))
        return Bitmap(
            copying: image.pixels, width: image.width, height: image.height, channelCount: Int(image.channels)
        ).upright(from: orientation)
    }

    /// What libav knows.
    private static func other(
        _ bytes: UnsafeRawBufferPointer, _ limits: MediaLimits, wholly: Bool
    ) throws(MediaError) -> Bitmap {
        let container = try Container(bytes, limits)
        let kind = container.formatName
        let pictures = try container.pictures([0], hasAlpha: ["gif", "bmp_pipe", "tiff_pipe"].contains(kind))
        guard let first = pictures.first else { throw MediaError(.missing, "there is no picture in it") }
        if wholly, kind == "gif" { try Container(bytes, limits).decodeAll(as: .video) }
        guard let directory = TIFFDirectory(.memory(bytes)) else { return first }
        return (directory.hasInks ? first.printed() : first).upright(from: directory.orientation)
    }

    /// What inks look like on white: the channels are cyan, magenta, yellow and black.
    private func printed() -> Bitmap {
        let colours = [UInt8](unsafeUninitializedCapacity: 3 * width * height) { colours, count in
            for pixel in 0..<width * height {
                let light = 255 - Int(pixels[4 * pixel + 3])
                for channel in 0..<3 {
                    colours[3 * pixel + channel] = UInt8(
                        ((255 - Int(pixels[4 * pixel + channel])) * light * 2 + 255) / 510)
                }
            }
            count = 3 * width * height
        }
        return Bitmap(width: width, height: height, channelCount: 3, pixels: colours)
    }

    init(copying pixels: UnsafePointer<UInt8>, width: UInt32, height: UInt32, channelCount: Int) {
        let byteCount = Int(width) * Int(height) * channelCount
        self.init(
            width: Int(width), height: Int(height), channelCount: channelCount,
            pixels: Array(UnsafeBufferPointer(start: pixels, count: byteCount)))
    }
}
