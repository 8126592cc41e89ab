/// A format of images, videos or sounds that is known by its first bytes.
public enum MediaFormat: String, Sendable, CaseIterable {
    case jpeg, png, gif, webp
    case mp4, mov, webm, matroska
    case wav, mp3, flac, ogg

    /// What a file of the format is called, without the dot.
    public var fileExtension: String {
        switch self {
        case .jpeg: "jpg"
        case .matroska: "mkv"
        default: rawValue
        }
    }

    /// Whether the bytes are compressed as the format has it, so that nothing is gained by doing it again.
    public var isCompressed: Bool { self != .wav }
}

/// What the first bytes of an image, a video or a sound say about it.
///
/// Bytes that are cut off or broken give no size, and bytes of an unknown kind give nothing; nothing is decoded.
public struct MediaHeader: Sendable, Equatable {
    /// As far as anything is looked for: the size of a JPEG stands behind its metadata.
    public static let prefixBytes = 1 << 20

    public let format: MediaFormat?
    /// Of an image, in pixels.
    public let width: Int?
    public let height: Int?

    /// - Parameter bytes: the item, or its first ``prefixBytes``; what is behind them is not looked at.
    public init(_ bytes: UnsafeRawBufferPointer) {
        let bytes = Prefix(UnsafeRawBufferPointer(rebasing: bytes.prefix(Self.prefixBytes)))
        format = bytes.format
        let size: (width: Int, height: Int)? =
            switch format {
            case .jpeg: bytes.jpegSize
            case .png: bytes.pngSize
            case .gif: bytes.gifSize
            case .webp: bytes.webpSize
            default: nil
            }
        let isProper = size.map { $0.width > 0 && $0.height > 0 } ?? false
        width = isProper ? size?.width : nil
        height = isProper ? size?.height : nil
    }
}

/// Bytes that may end anywhere: what lies behind the end is nil.
private struct Prefix {
    let bytes: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    func byte(_ offset: Int) -> Int? { offset < bytes.count ? Int(bytes[offset]) : nil }

    func big(_ offset: Int, byteCount: Int) -> Int? {
        guard offset + byteCount <= bytes.count else { return nil }
        return bytes[offset..<offset + byteCount].reduce(0) { $0 << 8 | Int($1) }
    }

    func little(_ offset: Int, byteCount: Int) -> Int? {
        guard offset + byteCount <= bytes.count else { return nil }
        return bytes[offset..<offset + byteCount].reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    func has(_ text: StaticString, at offset: Int = 0) -> Bool {
        guard offset + text.utf8CodeUnitCount <= bytes.count else { return false }
        return text.withUTF8Buffer { bytes[offset..<offset + $0.count].elementsEqual($0) }
    }

    func has(_ values: [UInt8], at offset: Int = 0) -> Bool {
        offset + values.count <= bytes.count && bytes[offset..<offset + values.count].elementsEqual(values)
    }

    var format: MediaFormat? {
        if has([0xFF, 0xD8, 0xFF]) { return .jpeg }
        if has([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { return .png }
        if has("GIF87a") || has("GIF89a") { return .gif }
        if has("RIFF"), has("WEBP", at: 8) { return .webp }
        // Big-endian, and with sizes of 64 bits.
        if has("RIFF") || has("RIFX") || has("RF64") || has("BW64") { return has("WAVE", at: 8) ? .wav : nil }
        if has("ftyp", at: 4) { return brand }
        if has("moov", at: 4) || has("mdat", at: 4) || has("wide", at: 4) { return .mov }
        if has([0x1A, 0x45, 0xDF, 0xA3]) { return matroskaKind }
        if has("fLaC") { return .flac }
        if has("OggS") { return .ogg }
        if has("ID3") { return tagged }
        return isMPEGAudioFrame ? .mp3 : nil
    }

    /// ISO base media: the brand tells videos from pictures in the same container, which we do not know.
    private var brand: MediaFormat? {
        if has("qt  ", at: 8) { return .mov }
        let brands: [StaticString] = [
            "iso", "mp4", "mmp4", "avc", "av01", "hvc1", "M4V", "M4A", "M4B", "M4P", "MSNV", "dash", "cmf", "piff",
            "3gp",
            "3g2", "f4v", "F4V",
        ]
        return brands.contains { has($0, at: 8) } ? .mp4 : nil
    }

    /// The document type stands among the first elements.
    private var matroskaKind: MediaFormat? {
        for offset in 4..<min(64, max(4, bytes.count)) where has([0x42, 0x82], at: offset) {
            return has("webm", at: offset + 3) ? .webm : has("matroska", at: offset + 3) ? .matroska : nil
        }
        return nil
    }

    /// What stands behind a tag in ID3's form, version 2: MP3 where that cannot be seen, but other formats have such tags too.
    private var tagged: MediaFormat? {
        guard let digits = big(6, byteCount: 4), digits & 0x8080_8080 == 0 else { return .mp3 }
        let size = digits >> 3 & 0x0FE0_0000 | digits >> 2 & 0x001F_C000 | digits >> 1 & 0x3F80 | digits & 0x7F
        let end = 10 + size
        if has("fLaC", at: end) { return .flac }
        // ADTS, whose layer is 0.
        if let word = big(end, byteCount: 2), word & 0xFFF6 == 0xFFF0 { return nil }
        return .mp3
    }

    /// Eleven bits of sync, a version, layer III, a bit rate and a sample rate.
    private var isMPEGAudioFrame: Bool {
        guard let word = big(0, byteCount: 4), word >> 21 == 0x7FF else { return false }
        return word >> 19 & 3 != 1 && word >> 17 & 3 == 1 && word >> 12 & 15 != 15 && word >> 12 & 15 != 0
            && word >> 10 & 3 != 3
    }

    /// Segment after segment up to a start of frame.
    var jpegSize: (width: Int, height: Int)? {
        var offset = 2
        while byte(offset) == 0xFF {
            // Any number of fill bytes may precede a marker.
            while byte(offset + 1) == 0xFF { offset += 1 }
            guard let marker = byte(offset + 1) else { return nil }
            offset += 2
            if marker == 0x01 || (0xD0...0xD7).contains(marker) { continue }
            guard marker != 0xD9, marker != 0xDA, let count = big(offset, byteCount: 2), count >= 2 else { return nil }
            if (0xC0...0xCF).contains(marker), marker != 0xC4, marker != 0xC8, marker != 0xCC {
                guard count >= 7, let height = big(offset + 3, byteCount: 2), let width = big(offset + 5, byteCount: 2)
                else { return nil }
                return (width, height)
            }
            offset += count
        }
        return nil
    }

    var pngSize: (width: Int, height: Int)? {
        guard big(8, byteCount: 4) == 13, has("IHDR", at: 12), let width = big(16, byteCount: 4),
            let height = big(20, byteCount: 4), max(width, height) <= Int(Int32.max)
        else { return nil }
        return (width, height)
    }

    var gifSize: (width: Int, height: Int)? {
        guard let width = little(6, byteCount: 2), let height = little(8, byteCount: 2) else { return nil }
        return (width, height)
    }

    /// Lossy, lossless or extended: the first chunk's kind.
    var webpSize: (width: Int, height: Int)? {
        if has("VP8X", at: 12) {
            guard let width = little(24, byteCount: 3), let height = little(27, byteCount: 3) else { return nil }
            return (width + 1, height + 1)
        }
        if has("VP8L", at: 12) {
            guard byte(20) == 0x2F, let bits = little(21, byteCount: 4) else { return nil }
            return (bits & 0x3FFF + 1, bits >> 14 & 0x3FFF + 1)
        }
        guard has("VP8 ", at: 12), has([0x9D, 0x01, 0x2A], at: 23), let width = little(26, byteCount: 2),
            let height = little(28, byteCount: 2)
        else { return nil }
        return (width & 0x3FFF, height & 0x3FFF)
    }
}
