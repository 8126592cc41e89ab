internal import CAV
internal import Glibc

/// The samples of a plain WAVE file, which need no libav to be found: whole numbers of 8 to 32 bits or floats.
///
/// libav takes every demuxer and decoder that it has to 16-bit samples, in case they are something else: three
/// milliseconds a file, which is more than the rest of the work on a short recording.
struct WaveSamples {
    /// Bytes of the file.
    let range: Range<Int>
    let rate: Int
    let channelCount: Int
    /// 0 where nobody says where the channels are.
    let channelMask: Int
    let bitCount: Int
    let isFloat: Bool

    /// Samples of a channel.
    var count: Int { range.count / (channelCount * bitCount / 8) }

    /// - Returns: nil where a file is of another kind, or has anything that only libav knows what to make of.
    /// - Throws: ``MediaError`` for samples that are missing.
    init?(of bytes: MediaBytes) throws(MediaError) {
        let reader = HeaderReader(bytes)
        guard reader.text(at: 0) == "RIFF", reader.text(at: 8) == "WAVE", let extent = SampleExtent(of: bytes) else {
            return nil
        }
        try extent.check()
        guard let format = Self.format(reader, samplesAt: extent.range.lowerBound) else { return nil }
        (rate, channelCount, channelMask) = (format.rate, format.channelCount, format.channelMask)
        (bitCount, isFloat) = (format.bitCount, format.isFloat)
        let unit = channelCount * bitCount / 8
        let isOpen = !extent.patches.isEmpty
        range = isOpen ? extent.range.lowerBound..<extent.range.upperBound - extent.range.count % unit : extent.range
        guard !range.isEmpty, range.count.isMultiple(of: unit) else { return nil }
        if bitCount == 16, !isFloat, Self.hidesOthers(bytes, range) { return nil }
    }

    /// What ``Container/samples(rate:)`` gives.
    ///
    /// - Parameter bytes: those that the samples were found in.
    func converted(
        _ bytes: UnsafeRawBufferPointer, rate: Int, limits: MediaLimits
    ) throws(MediaError) -> [Float] {
        var pcm = tvt_av_pcm(
            bytes: bytes.baseAddress!.assumingMemoryBound(to: UInt8.self) + range.lowerBound, count: count,
            rate: UInt32(self.rate), channelCount: UInt32(channelCount), channelMask: UInt32(channelMask),
            bitCount: UInt32(bitCount), isFloat: isFloat)
        return try Container.taken { samples, count, message in
            tvt_av_convert_samples(
                &pcm, UInt32(rate), limits.sampleCount, limits.deadline, samples, count, message)
        }
    }
}

extension WaveSamples {
    fileprivate struct Format {
        var rate: Int
        var channelCount: Int
        var channelMask: Int
        var bitCount: Int
        var isFloat: Bool
    }

    /// Chunks that make more of a file than samples: libav reads pictures out of tags, and the last of several `data`.
    private static let others: Set<String> = ["data", "fmt ", "XMA2", "SMV0", "bext", "ID3 ", "id3 "]

    /// The format of the samples, where it comes before them and nothing else tells of any.
    private static func format(_ reader: HeaderReader, samplesAt start: Int) -> Format? {
        var format: Format?
        for chunk in reader.chunks(from: 12) {
            switch chunk.name {
            case "fmt " where format == nil && chunk.content < start:
                format = Format(reader, chunk)
                guard format != nil else { return nil }
            case "data" where chunk.content == start: guard format != nil else { return nil }
            case "LIST" where chunk.size < 4: return nil
            case let name where others.contains(name): return nil
            default: break
            }
        }
        return format
    }

    /// Whether 16-bit samples seem to be a compressed sound for an amplifier, DTS or what IEC 61937 packs, which libav
    /// decodes. As much is looked at as libav does.
    private static func hidesOthers(_ bytes: MediaBytes, _ range: Range<Int>) -> Bool {
        let start = bytes.read(at: range.lowerBound, count: min(range.count, 32 * 4096)) ?? []
        return start.withUnsafeBytes { start in
            for offset in stride(from: 0, to: start.count - 3, by: 2) where isMark[Int(start[offset])] {
                let word = UInt32(bigEndian: start.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
                if marks.contains(word) { return true }
            }
            return false
        }
    }

    /// In either order of bytes: DTS with 16 and with 14 bits of a sample, its extension alone, and IEC 61937.
    private static let marks: Set<UInt32> = [
        0x7FFE_8001, 0xFE7F_0180, 0x1FFF_E800, 0xFF1F_00E8, 0x6458_2025, 0x5864_2520, 0x72F8_1F4E, 0xF872_4E1F,
    ]
    /// Whether a byte begins one of them.
    private static let isMark = (0..<256).map { byte in marks.contains { $0 >> 24 == byte } }
}

extension WaveSamples.Format {
    /// KSDATAFORMAT_SUBTYPE_PCM and _IEEE_FLOAT behind their first two bytes, which are the tag.
    private static let subtype: [UInt8] = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71]

    /// - Returns: nil for other formats, and for sizes that do not go together.
    init?(_ reader: HeaderReader, _ chunk: HeaderReader.Chunk) {
        func number(_ offset: Int, _ byteCount: Int) -> Int? {
            offset + byteCount <= chunk.size
                ? reader.integer(at: chunk.content + offset, byteCount: byteCount) : nil
        }
        guard var tag = number(0, 2), let channels = number(2, 2), let rate = number(4, 4), let unit = number(12, 2),
            let bits = number(14, 2), chunk.size == 16 || number(16, 2) != nil
        else { return nil }
        var mask = 0
        if tag == 0xFFFE {
            guard number(16, 2) == 22, let valid = number(18, 2), valid == bits, let places = number(20, 4),
                places == 0 || places.nonzeroBitCount == channels, let subtag = number(24, 2), chunk.size == 40,
                reader.bytes(at: chunk.content + 26, count: 14) == Self.subtype
            else { return nil }
            (tag, mask) = (subtag, places)
        } else if chunk.size > 16, number(16, 2) != 0 {
            return nil
        }
        guard tag == 1 && [8, 16, 24, 32].contains(bits) || tag == 3 && [32, 64].contains(bits),
            (1...64).contains(channels), (1...768_000).contains(rate), unit == channels * bits / 8
        else { return nil }
        self.init(rate: rate, channelCount: channels, channelMask: mask, bitCount: bits, isFloat: tag == 3)
    }
}
