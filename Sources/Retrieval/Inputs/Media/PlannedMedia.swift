public import Base
internal import Models
public import Records

/// An image, a video or a sound of an input, as it will be decoded.
public struct PlannedMedia: Sendable, Hashable {
    public let kind: MediaKind
    /// Of its bytes; nil for a stand-in, which has none.
    public let digest: SHA256Digest?
    public let extent: MediaExtent
    public let processing: Processing
    /// How the text names it, and how large it is for its tower.
    let planned: MediaRules.Planned

    /// What becomes of it.
    public enum Processing: Sendable, Hashable {
        case image(ImagePlan)
        case video(VideoPlan)
        /// Frames of its spectrogram.
        case sound(frameCount: Int)
    }

    /// Whether it is the sound of the video before it, which has the same bytes.
    public var isSoundOfVideo: Bool { planned.isSoundOfVideo }

    /// Whether something behind its end is not heard.
    public let isCut: Bool

    /// Numbers that its tower is given; of sounds about as many.
    public var valueCount: Int {
        switch processing {
        case .image(let plan): plan.valueCount
        case .video(let plan): plan.valueCount
        case .sound(let frameCount): 128 * frameCount
        }
    }

    /// About what decoding it holds at once beside that, in bytes, as whole pictures and samples of 16 kHz. What a sound's
    /// own rate takes is not known.
    public var decodingByteCount: Int {
        switch extent {
        case .image(let size): 3 * size.width * size.height
        // A decoder of videos keeps some eight pictures that others refer to, of one and a half bytes a pixel.
        case .video(let video): (3 + 12) * video.size.width * video.size.height
        case .sound(let sampleCount): MemoryLayout<Float>.size * sampleCount
        }
    }

    /// About what it holds in memory once it is decoded and made ready, in bytes.
    var byteCount: Int {
        switch processing {
        case .image(let plan): 3 * plan.region.size.width * plan.region.size.height
        case .video(let plan):
            3 * plan.frame.region.size.width * plan.frame.region.size.height * plan.frameIndices.count
        case .sound: MemoryLayout<Float>.size * valueCount
        }
    }
}
