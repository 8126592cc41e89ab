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
    }

    public struct Samples: Sendable, Equatable {
        public var codec: String
        /// Samples a second.
        public var rate: Int
        public var channelCount: Int
    }

    /// libav's name of the container: `mov,mp4,m4a,3gp,3g2,mj2`, `wav`, `webp_pipe`.
    public var container: String
    public var seconds: Double?
    public var pictures: Pictures?
    public var sound: Samples?

    /// - Throws: ``MediaError`` for bytes of no known kind.
    public init(of bytes: UnsafeRawBufferPointer, limits: MediaLimits = MediaLimits()) throws(MediaError) {
        let info = try Container(bytes, limits).info
        container = String(cString: info.format)
        seconds = info.duration >= 0 ? info.duration : nil
        pictures = info.videoCodec.map {
            let isTurned = info.turn == 90 || info.turn == 270
            return Pictures(
                codec: String(cString: $0), width: Int(isTurned ? info.height : info.width),
                height: Int(isTurned ? info.width : info.height),
                picturesPerSecond: info.frameRate > 0 ? info.frameRate : nil)
        }
        sound = info.audioCodec.map {
            Samples(codec: String(cString: $0), rate: Int(info.sampleRate), channelCount: Int(info.channelCount))
        }
    }
}
