public import Media

/// A size that pictures are brought to, and how.
public struct PixelScaling: Sendable, Hashable {
    public let size: PixelSize
    /// Where the numbers would not be rounded they are here: the result are bytes.
    public let resampling: PixelResampling

    public init(to size: PixelSize, _ resampling: PixelResampling) {
        self.size = size
        self.resampling =
            resampling.arithmetic == .torchFloats
            ? PixelResampling(resampling.filter, .torchRounded) : resampling
    }

    /// A picture of the size.
    ///
    /// - Precondition: the picture has no alpha.
    public func scaled(_ bitmap: Bitmap) -> Bitmap {
        guard bitmap.width != size.width || bitmap.height != size.height else { return bitmap }
        let source = PixelSize(width: bitmap.width, height: bitmap.height)
        return RegionScaler(from: source, to: size, region: PixelRegion(size), resampling).bitmap(of: bitmap)
    }
}
