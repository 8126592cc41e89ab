/// How Qwen2-VL and its successors take a video.
///
/// Sources: transformers 5.24, `Qwen2VLVideoProcessor` and `Qwen3VLVideoProcessor`.
public struct QwenVideoProcessing: Sendable, Hashable {
    public enum Generation: String, Sendable, CaseIterable {
        /// Qwen2-VL, Qwen2.5-VL and Qwen2.5-Omni: the budget is that of a frame.
        case qwen2
        /// Qwen3-VL: the budget is that of all frames.
        case qwen3
    }

    /// What Qwen2.5-Omni's processor puts in the place of the budget of the file.
    public static let omniBudget = PixelBudget(minimum: 128 * 28 * 28, maximum: 768 * 28 * 28)

    public let generation: Generation
    /// What becomes of a frame; its ``QwenImageProcessing/loader`` is not used.
    public var frame: QwenImageProcessing
    public var sampling: FrameSampling
    /// The most tokens that all frames (``Generation/qwen2``) or one frame (``Generation/qwen3``) may take beside the
    /// budget: `max_video_tokens`, where `cap_pixels_per_frame` is on.
    public var tokenCap: Int?
    /// What happens to the frames before.
    public var loader: QwenFrameLoader?

    /// As the class is without a file.
    public init(_ generation: Generation) {
        self.generation = generation
        var frame = QwenImageProcessing()
        frame.resampling = PixelResampling(.bicubic, .torchBytes)
        switch generation {
        case .qwen2:
            frame.budget = QwenVideoProcessing.omniBudget
            sampling = .all
        case .qwen3:
            frame.patchSide = 16
            frame.budget = PixelBudget(minimum: 128 * 32 * 32, maximum: 768 * 32 * 32)
            frame.normalisation = PixelNormalisation(
                rescaleFactor: 1.0 / 255, mean: PixelNormalisation.Means.half,
                deviation: PixelNormalisation.Deviations.half)
            sampling = .qwen3Rate(2, minimum: 4, maximum: 768)
        }
        self.frame = frame
    }

    /// What becomes of a video.
    ///
    /// - Throws: ``PictureFault`` for a video that cannot be taken.
    public func plan(_ video: VideoExtent) throws(PictureFault) -> VideoPlan {
        let indices = try sampling.indices(of: video)
        let loaded = try loader?.scaling(of: video.size, frameCount: indices.count)
        let size = loaded?.size ?? video.size
        let resized = frame.resizes ? try resized(size, indices.count) : try frame.checked(size)
        // What a loader gives are numbers, which torch neither clamps nor rounds.
        let resampling = loaded == nil ? frame.resampling : PixelResampling(frame.resampling.filter, .torchFloats)
        return VideoPlan(frameIndices: indices, frame: frame.plan(video.size, loaded, resized, resampling))
    }

    private func resized(_ size: PixelSize, _ frameCount: Int) throws(PictureFault) -> PixelSize {
        let (factor, count) = (frame.factor, Double(frameCount))
        let (minimum, token) = (frame.budget.minimum, Double(factor * factor))
        var maximum = frame.budget.maximum
        let least = (minimum * 1.05).rounded(.towardZero)
        switch generation {
        case .qwen2:
            if let tokenCap {
                let total = (Double(tokenCap) * token * 0.9).rounded(.towardZero)
                let share = (total * Double(frame.framesPerPatch) / count).rounded(.down)
                maximum = max(min(maximum, share), least)
            }
            return try SmartResize.processor.size(
                of: size, multipleOf: factor,
                within: PixelBudget(minimum: minimum, maximum: max(minimum, maximum)))
        case .qwen3:
            if let tokenCap {
                maximum = max(min(Double(tokenCap) * token, (maximum / count).rounded(.down)), least) * count
            }
            return try SmartResize.frameSize(
                of: size, frameCount: frameCount, framesPerPatch: frame.framesPerPatch, multipleOf: factor,
                within: PixelBudget(minimum: minimum, maximum: max(minimum, maximum)))
        }
    }
}
