internal import CAV

/// What a file of pictures or sounds says of itself; nothing is decoded but what libav needs to find out.
public struct MediaDescription: Sendable, Equatable {
    public struct Pictures: Sendable, Equatable {
        public var codec: String
        /// In pixels, as they are to be seen.
        public var width: Int
        public var height: Int
        /// Nil where the file does not say, and for single images.
        public var picturesPerSecond: Double?
        /// Those that are shown: not what an edit list hides. Nil where the container does not say, until they are counted.
        public var count: Int?
    }

    public struct Samples: Sendable, Equatable {
        public var codec: String
        /// Samples a second.
        public var rate: Int
        public var channelCount: Int
    }

    /// libav's name of the container: `mov,mp4,m4a,3gp,3g2,mj2`, `wav`, `webp_pipe`.
    public var container: String
    /// Nil where the file does not say, until it is measured.
    public var seconds: Double?
    public var pictures: Pictures?
    public var sound: Samples?

    /// Whether the container is that of a single image: `webp_pipe`, not `mov`.
    public var isImage: Bool { container.hasSuffix("_pipe") }

    /// What is measured of a file of pictures or sounds.
    public enum Subject: Sendable {
        case video, audio
    }

    /// As a file says, with what its packets say where that does not do: of a video how many pictures are shown, and how long
    /// it takes; of audio how long it takes, without what an encoder added at its ends. Nothing is measured of a subject
    /// that the file does not have.
    ///
    /// - Throws: ``MediaError`` for bytes of no known kind; for no pictures, no samples, or more than the limits allow.
    public init(
        measuring subject: Subject, of bytes: MediaBytes, limits: MediaLimits = MediaLimits()
    ) throws(MediaError) {
        let container = try Container(bytes, limits)
        let info = container.info
        self.init(info)
        guard !isImage else { return }
        switch subject {
        case .audio where sound != nil: seconds = try container.measureSound()
        case .video where pictures != nil:
            guard info.durationIsGuess || seconds == nil || pictures?.count == nil else { return }
            let measured = try container.measurePictures()
            if info.durationIsGuess || seconds == nil { seconds = measured.seconds }
            if pictures?.count == nil { pictures?.count = measured.count }
        default: break
        }
    }

    /// Decodes all of a sound or a video, and keeps nothing of it.
    ///
    /// Memory: some pictures of a video.
    ///
    /// - Throws: ``MediaError`` where a part is damaged, missing, or beyond the limits.
    public static func check(
        _ bytes: MediaBytes, as subject: Subject, limits: MediaLimits = MediaLimits()
    ) throws(MediaError) {
        try Container(bytes, limits).decodeAll(as: subject)
    }

    private init(_ info: tvt_av_info) {
        container = String(cString: info.format)
        seconds = info.duration >= 0 ? info.duration : nil
        pictures = info.videoCodec.map {
            let isTurned = info.turn == 90 || info.turn == 270
            return Pictures(
                codec: String(cString: $0), width: Int(isTurned ? info.height : info.width),
                height: Int(isTurned ? info.width : info.height),
                picturesPerSecond: info.frameRate > 0 ? info.frameRate : nil,
                count: info.pictureCount > 0 ? Int(clamping: info.pictureCount) : nil)
        }
        sound = info.audioCodec.map {
            Samples(codec: String(cString: $0), rate: Int(info.sampleRate), channelCount: Int(info.channelCount))
        }
    }
}
