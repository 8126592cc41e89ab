/// How Qwen2-VL and its successors take an image: Qwen2-VL, Qwen2.5-VL, Qwen2.5-Omni and Qwen3-VL.
///
/// Source: transformers 5.24, `Qwen2VLImageProcessor`.
public struct QwenImageProcessing: Sendable, Hashable {
    public var patchSide = 14
    public var mergeSide = 2
    /// An image is repeated so often.
    public var framesPerPatch = 2
    public var budget = PixelBudget(minimum: 56 * 56, maximum: 28 * 28 * 1280)
    /// Whether the image is brought to a size at all; else its sides must be right.
    public var resizes = true
    public var normalisation = PixelNormalisation.clip
    public var resampling = PixelResampling(.bicubic, .pillow)
    public var alpha = AlphaTreatment.overWhite
    /// What happens to the image before.
    public var loader: QwenImageLoader?

    public init() {}

    /// Pixels of a side of a token.
    var factor: Int { patchSide * mergeSide }

    /// What becomes of an image.
    ///
    /// - Throws: ``PictureFault`` for an image of a size that cannot be taken.
    public func plan(_ size: PixelSize) throws(PictureFault) -> ImagePlan {
        let loaded = try loader?.scaling(of: size)
        let resized = try resized(loaded?.size ?? size)
        return plan(size, loaded, resized, resampling)
    }

    private func resized(_ size: PixelSize) throws(PictureFault) -> PixelSize {
        guard resizes else { return try checked(size) }
        return try SmartResize.processor.size(of: size, multipleOf: factor, within: budget)
    }

    /// A size that is left as it is.
    func checked(_ size: PixelSize) throws(PictureFault) -> PixelSize {
        guard size.width.isMultiple(of: factor), size.height.isMultiple(of: factor) else {
            throw PictureFault(
                "the picture is \(size) pixels large and is not resized, and its sides are no multiples of \(factor)")
        }
        return size
    }

    func plan(
        _ size: PixelSize, _ loaded: PixelScaling?, _ resized: PixelSize, _ resampling: PixelResampling
    ) -> ImagePlan {
        ImagePlan(
            source: size, loaded: loaded, resized: resized,
            layout: .merged(patchSide: patchSide, mergeSide: mergeSide, framesPerPatch: framesPerPatch),
            tokenSide: factor, resampling: resampling, normalisation: normalisation, alpha: alpha)
    }
}
