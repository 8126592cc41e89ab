internal import CAV
internal import CJPEG
internal import CPNG
internal import Glibc

extension Bitmap {
    /// Decodes an image and stands it upright: JPEG, PNG, and whatever libav knows (WebP, GIF, BMP, TIFF); of moving images
    /// the first.
    ///
    /// - Throws: ``MediaError`` for bytes that are no image, are damaged or cut off, or ask for more than the limits.
    public init(decoding bytes: UnsafeRawBufferPointer, limits: MediaLimits = MediaLimits()) throws(MediaError) {
        if bytes.starts(with: [0xFF, 0xD8, 0xFF]) {
            self = try .jpeg(bytes, limits)
        } else if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]) {
            self = try .png(bytes, limits)
        } else {
            let container = try Container(bytes, limits)
            let alphas = ["webp_pipe", "gif", "png_pipe", "bmp_pipe", "tiff_pipe"]
            let pictures = try container.pictures([0], hasAlpha: alphas.contains(container.formatName))
            guard let first = pictures.first else { throw MediaError(.missing, "there is no picture in it") }
            self = first
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
        defer { free(image.pixels) }
        return Bitmap(
            copying: image.pixels, width: image.width, height: image.height, channelCount: Int(image.channels))
    }

    init(copying pixels: UnsafePointer<UInt8>, width: UInt32, height: UInt32, channelCount: Int) {
        let byteCount = Int(width) * Int(height) * channelCount
        self.init(
            width: Int(width), height: Int(height), channelCount: channelCount,
            pixels: Array(UnsafeBufferPointer(start: pixels, count: byteCount)))
    }
}
