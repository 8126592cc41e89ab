internal import Models
public import Records

extension MediaPlanner {
    /// Whether the model has a part for media of this kind.
    public func hasTower(for kind: MediaKind) -> Bool {
        switch kind {
        case .image: rules.image != nil
        case .video: rules.video != nil
        case .audio: rules.audio != nil
        }
    }

    /// Whether it depends on the times of a video's pictures which are taken, or how they are named.
    var timesFrames: Bool {
        switch video {
        case .qwen(let qwen): qwen.generation == .qwen3 || qwen.sampling.isTimed
        case .gemma(let gemma): gemma.addsTimestamps || gemma.sampling.isTimed
        case nil: false
        }
    }

    /// Why media of this kind are refused, in words and without paths; nil where they are taken.
    public func obstacle(to kind: MediaKind) -> String? {
        guard hasTower(for: kind) else { return "the model has no part for it" }
        switch kind {
        case .image: return image == nil ? "no file says how images are prepared" : nil
        case .audio: return sound == nil ? "no file says how sounds are prepared" : nil
        case .video:
            if video != nil { return nil }
            guard image != nil else { return "no file says how videos are prepared" }
            // An image processor alone knows nothing of frames.
            return settings.frameCount == nil ? "nothing says how many frames: inputs frames=8, for example" : nil
        }
    }
}
