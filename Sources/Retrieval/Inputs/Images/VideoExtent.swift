/// What is known of a video before it is decoded.
public struct VideoExtent: Sendable, Hashable {
    /// Of a frame, upright.
    public let size: PixelSize
    public let frameCount: Int
    /// Frames a second; nil where there is nothing to tell it.
    public let frameRate: Double?
    /// Seconds; nil where there is nothing to tell them.
    public let duration: Double?
    /// Of its sound, at the rate of the model's front end; nil for a video without, and where it is not heard.
    public var soundSampleCount: Int?

    /// - Precondition: at least one frame; rate and duration above 0.
    public init(size: PixelSize, frameCount: Int, frameRate: Double?, duration: Double?) {
        precondition(frameCount > 0 && frameRate ?? 1 > 0 && duration ?? 1 > 0, "a video")
        self.size = size
        self.frameCount = frameCount
        self.frameRate = frameRate
        self.duration = duration
    }
}
