/// What qwen-vl-utils does to an image before a processor of transformers sees it: to a size of its own, by Pillow.
///
/// Source: qwen-vl-utils 0.0.14, `fetch_image`.
public struct QwenImageLoader: Sendable, Hashable {
    /// Pixels of which a side is a multiple: 28 with patches of 14, 32 with patches of 16.
    public let factor: Int
    public let budget: PixelBudget
    /// The size that is aimed at instead of the image's own: `resized_width` and `resized_height`. Then the budget is the
    /// one of the library.
    public let requestedSize: PixelSize?
    public let resampling: PixelResampling

    /// - Parameter budget: 4 to 16,384 tokens, unless another is given.
    public init(
        factor: Int, budget: PixelBudget? = nil, requestedSize: PixelSize? = nil,
        resampling: PixelResampling = PixelResampling(.bicubic, .pillow)
    ) {
        self.factor = factor
        self.budget = budget ?? QwenImageLoader.libraryBudget(factor)
        self.requestedSize = requestedSize
        self.resampling = resampling
    }

    static func libraryBudget(_ factor: Int) -> PixelBudget {
        PixelBudget(minimum: 4 * Double(factor * factor), maximum: 16_384 * Double(factor * factor))
    }

    /// - Throws: ``PictureFault`` as ``SmartResize`` does.
    func scaling(of size: PixelSize) throws(PictureFault) -> PixelScaling {
        let budget = requestedSize == nil ? budget : QwenImageLoader.libraryBudget(factor)
        return PixelScaling(
            to: try SmartResize.loader.size(of: requestedSize ?? size, multipleOf: factor, within: budget), resampling)
    }
}

/// What qwen-vl-utils does to the frames of a video before a processor of transformers sees them, as numbers: to a size of
/// its own, by torch.
///
/// A list of frames is first brought to multiples of twice the factor there, which is not done here.
///
/// Source: qwen-vl-utils 0.0.14, `fetch_video`.
public struct QwenFrameLoader: Sendable, Hashable {
    /// Pixels of which a side is a multiple: 28 with patches of 14, 32 with patches of 16.
    public let factor: Int
    /// Of a frame: `min_pixels`; 128 tokens where it is nil.
    public let minimumPixels: Double?
    /// Of a frame: `max_pixels`; 768 tokens where it is nil, and never more than its share of the total.
    public let maximumPixels: Double?
    /// Of all pairs of frames: `total_pixels`; 90 % of 128,000 tokens where it is nil.
    public let totalPixels: Double?
    /// The size that is aimed at instead of the frames' own: `resized_width` and `resized_height`.
    public let requestedSize: PixelSize?

    public init(
        factor: Int, minimumPixels: Double? = nil, maximumPixels: Double? = nil, totalPixels: Double? = nil,
        requestedSize: PixelSize? = nil
    ) {
        self.factor = factor
        self.minimumPixels = minimumPixels
        self.maximumPixels = maximumPixels
        self.totalPixels = totalPixels
        self.requestedSize = requestedSize
    }

    /// - Parameter frameCount: of the frames that are taken.
    /// - Throws: ``PictureFault`` as ``SmartResize`` does, and where a frame may have fewer pixels than it must have.
    func scaling(of size: PixelSize, frameCount: Int) throws(PictureFault) -> PixelScaling {
        let token = Double(factor * factor)
        let minimum = minimumPixels ?? 128 * token
        let share = (totalPixels ?? 128_000 * token * 0.9) / Double(frameCount) * 2
        let most = max(min(768 * token, share), (minimum * 1.05).rounded(.towardZero))
        let maximum = min(maximumPixels ?? most, most)
        guard minimum <= maximum else {
            throw PictureFault(
                "a frame must have \(Int(minimum)) pixels at least, and may have \(Int(maximum)) at most")
        }
        let loader = QwenImageLoader(
            factor: factor, budget: PixelBudget(minimum: minimum, maximum: maximum), requestedSize: requestedSize,
            resampling: PixelResampling(.bicubic, .torchRounded))
        return try loader.scaling(of: size)
    }
}
