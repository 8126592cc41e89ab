/// How EmbeddingGemma 2 takes an image: as large as its tokens allow, upwards too.
///
/// Source: transformers 5.24, `Gemma4ImageProcessor`.
public struct GemmaImageProcessing: Sendable, Hashable {
    /// The numbers of tokens that the processor knows.
    public static let tokenBudgets = [70, 140, 280, 560, 1120]

    public var patchSide = 16
    /// Patches of a side that become one token.
    public var poolSide = 3
    /// The most tokens of an image.
    public var tokenBudget = 280
    public var resizes = true
    /// Bytes to 0…1; the tower does the rest.
    public var normalisation = PixelNormalisation(rescaleFactor: 1.0 / 255, mean: nil, deviation: nil)
    public var resampling = PixelResampling(.bicubic, .torchBytes)
    public var alpha = AlphaTreatment.overWhite

    public init() {}

    /// What becomes of an image.
    ///
    /// - Throws: ``PictureFault`` for one of a size that cannot be taken.
    public func plan(_ size: PixelSize) throws(PictureFault) -> ImagePlan {
        let side = patchSide * poolSide
        let resized = resizes ? try resized(size) : size
        guard resized.width.isMultiple(of: side), resized.height.isMultiple(of: side),
            (resized.width / side) * (resized.height / side) <= tokenBudget
        else {
            throw PictureFault(
                "the picture would be \(resized) pixels large: sides of a multiple of \(side) are possible, and "
                    + "\(tokenBudget) tokens at most")
        }
        return ImagePlan(
            source: size, resized: resized, layout: .channelsLast(patchSide: patchSide), tokenSide: side,
            resampling: resampling, normalisation: normalisation, alpha: alpha)
    }

    /// `f = √(tokens · side² / (h · w))`, and both sides times `f`, cut to a multiple of the side of a token. Where that is
    /// nothing it is one token, and the other side as many as it is longer.
    private func resized(_ size: PixelSize) throws(PictureFault) -> PixelSize {
        let side = Double(patchSide * poolSide)
        let pixels = Double(tokenBudget * poolSide * poolSide * patchSide * patchSide)
        let factor = (pixels / size.area).squareRoot()
        var height = (factor * Double(size.height) / side).rounded(.down)
        var width = (factor * Double(size.width) / side).rounded(.down)
        let most = Double(tokenBudget)
        if height == 0, width > 0 {
            (height, width) = (1, min(Double(size.width / size.height), most))
        } else if width == 0, height > 0 {
            (height, width) = (min(Double(size.height / size.width), most), 1)
        }
        guard height > 0, width > 0 else {
            throw PictureFault("the picture is \(size) pixels large, of which nothing would be left")
        }
        return PixelSize(width: Int(width * side), height: Int(height * side))
    }
}

/// How EmbeddingGemma 2 takes a video: each frame as an image.
///
/// Source: transformers 5.24, `EmbeddingGemma2VideoProcessor`.
public struct GemmaVideoProcessing: Sendable, Hashable {
    public var frame: GemmaImageProcessing
    public var sampling = FrameSampling.gemma(rate: 1, maximum: 32, cutsEnd: false)
    /// Whether the time of each frame stands before it in the prompt.
    public var addsTimestamps = false
    /// Whether the sound of the video is heard between the frames.
    public var loadsSound = false

    /// As the class is without a file.
    public init() {
        frame = GemmaImageProcessing()
        frame.tokenBudget = 70
        frame.normalisation = PixelNormalisation(
            rescaleFactor: 1.0 / 255, mean: PixelNormalisation.Means.zero, deviation: PixelNormalisation.Deviations.one)
    }

    /// What becomes of a video.
    ///
    /// - Throws: ``PictureFault`` for a video that cannot be taken.
    public func plan(_ video: VideoExtent) throws(PictureFault) -> VideoPlan {
        VideoPlan(frameIndices: try sampling.indices(of: video), frame: try frame.plan(video.size))
    }
}
