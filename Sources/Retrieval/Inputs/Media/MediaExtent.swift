internal import Media
internal import Records

/// How large an image, a video or a sound is: all that its tokens depend on.
public enum MediaExtent: Sendable, Hashable {
    case image(PixelSize)
    case video(VideoExtent)
    /// Samples at the rate of the model's front end.
    case sound(sampleCount: Int)

    /// In seconds: what is shorter is measured in any case.
    private static let shortestRoundedSound = 0.5

    /// What a record's reference says; nil where it does not say enough. An image that lies on its side in its file has
    /// the other sides exchanged: whoever decodes it plans again.
    ///
    /// - Parameter rate: of the front end, samples a second; nil where nothing is heard of this kind.
    init?(_ item: MediaReference.Item, as kind: MediaKind, rate: Int?) {
        func size() -> PixelSize? {
            guard let width = item.width, let height = item.height, (1...1 << 24).contains(width),
                (1...1 << 24).contains(height)
            else { return nil }
            return PixelSize(width: width, height: height)
        }
        func samples() -> Int? {
            guard let duration = item.duration, let ownRate = item.sampleRate, let rate,
                (1...Int(Int32.max)).contains(ownRate), duration < 1e8
            else { return nil }
            let count = Int((duration * Double(ownRate)).rounded())
            return Self.sampleCount(of: count, at: ownRate, resampledTo: rate)
        }
        switch kind {
        case .image:
            guard let size = size() else { return nil }
            self = .image(size)
        case .video:
            guard let size = size(), let count = item.frameCount, count > 0, count < 1 << 32 else { return nil }
            var extent = VideoExtent(size: size, frameCount: count, seconds: item.duration)
            // The sound may be as long as the pictures, or not: whoever decodes it plans again.
            extent.soundSampleCount = samples()
            self = .video(extent)
        case .audio:
            // Records say milliseconds, and on less than one it can depend whether a model hears anything.
            guard item.duration ?? 0 >= Self.shortestRoundedSound, let count = samples() else { return nil }
            self = .sound(sampleCount: count)
        }
    }

    /// How many samples a sound has after it was resampled: `n · target / rate`, rounded half up; about 2⁶² at most.
    ///
    /// So libsoxr has it, and so many samples a decoded `Sound` has.
    package static func sampleCount(of count: Int, at rate: Int, resampledTo target: Int) -> Int {
        precondition(count >= 0 && rate > 0 && target > 0, "a sound of samples")
        let (whole, rest) = count.quotientAndRemainder(dividingBy: rate)
        let (product, overflows) = whole.multipliedReportingOverflow(by: target)
        return overflows ? 1 << 62 : min(product, 1 << 62) + (2 * rest * target + rate) / (2 * rate)
    }
}

extension VideoExtent {
    /// A video whose frames have equal distances on average.
    init(size: PixelSize, frameCount: Int, seconds: Double?) {
        let duration = seconds.flatMap { $0 > 0 ? $0 : nil }
        self.init(
            size: size, frameCount: frameCount, frameRate: duration.map { Double(frameCount) / $0 }, duration: duration)
    }
}

extension MediaExtent {
    /// What the bytes of an item say; nothing is decoded but images whose first bytes do not say how large they are.
    ///
    /// - Throws: `MediaError`.
    init(measuring bytes: UnsafeRawBufferPointer, as kind: MediaKind, rate: Int?) throws(MediaError) {
        switch kind {
        case .video:
            var extent = try VideoExtent(measuring: bytes)
            if let rate { extent.soundSampleCount = try Self.sampleCount(measuring: bytes, rate: rate) }
            self = .video(extent)
        case .image:
            let header = MediaHeader(bytes)
            guard let width = header.width, let height = header.height, max(width, height) <= 1 << 24 else {
                let image = try Bitmap(decoding: bytes)
                self = .image(PixelSize(width: image.width, height: image.height))
                return
            }
            self = .image(PixelSize(width: width, height: height))
        case .audio:
            self = .sound(sampleCount: try Self.sampleCount(measuring: bytes, rate: rate) ?? 0)
        }
    }

    /// Samples of the first sound of a file; nil where it has none.
    private static func sampleCount(
        measuring bytes: UnsafeRawBufferPointer, rate: Int?
    ) throws(MediaError) -> Int? {
        let description = try MediaDescription(measuring: .audio, of: .memory(bytes))
        guard let ownRate = description.sound?.rate else { return nil }
        let count = Int((min(description.seconds ?? 0, 1e8) * Double(ownRate)).rounded())
        return sampleCount(of: count, at: max(1, ownRate), resampledTo: rate ?? ownRate)
    }
}

extension VideoExtent {
    /// - Throws: `MediaError`.
    init(measuring bytes: UnsafeRawBufferPointer) throws(MediaError) {
        let extent = try Video.extent(of: bytes)
        self.init(
            size: PixelSize(width: max(1, extent.width), height: max(1, extent.height)),
            frameCount: extent.pictureCount, seconds: extent.seconds)
    }
}
