internal import CAV

/// Where the samples of an uncompressed sound lie, by its header: WAVE (RIFF, RIFX, RF64, BW64), Wave64, AIFF, AU, CAF.
///
/// A writer to a pipe cannot go back to fill in sizes, and leaves 0 or a very large number in their place: then the samples
/// reach to the end of the file, and the numbers are patched so that libav reads them so. Any other size that the file does
/// not have means that it was cut off.
struct SampleExtent {
    /// Offset of the first sample.
    private let start: Int
    /// Bytes of samples that the header announces; nil where it leaves that open.
    private let announced: Int?
    /// Bytes between the first sample and the end of the file.
    private let available: Int
    /// Numbers that libav is to read in the place of those that were left open.
    let patches: [tvt_av_patch]

    /// - Returns: nil for bytes of another kind, and where nothing tells of samples.
    init?(of bytes: MediaBytes) {
        let reader = HeaderReader(bytes)
        let found: SampleExtent? =
            switch reader.text(at: 0) {
            case "RIFF", "RF64", "BW64": reader.text(at: 8) == "WAVE" ? .wave(reader) : nil
            case "RIFX": reader.text(at: 8) == "WAVE" ? .wave(reader.bigEndian) : nil
            case "riff": .wave64(reader)
            case "FORM": ["AIFF", "AIFC"].contains(reader.text(at: 8)) ? .aiff(reader.bigEndian) : nil
            case ".snd": .au(reader.bigEndian)
            case "caff": .caf(reader.bigEndian)
            default: nil
            }
        guard let found else { return nil }
        self = found
    }

    /// - Parameters:
    ///   - announced: nil where it is left open.
    ///   - patches: those that are needed where it is left open.
    private init(start: Int, announced: Int?, available: Int, patches: [tvt_av_patch]) {
        self.start = start
        self.announced = announced
        self.available = available
        self.patches = announced == nil ? patches : []
    }

    /// Where the samples lie once ``check()`` has passed; where the header leaves their number open, all of the rest.
    var range: Range<Int> { start..<start + (announced ?? available) }

    /// - Throws: ``MediaError`` for samples that are missing.
    func check() throws(MediaError) {
        if let announced, announced > available {
            throw MediaError(
                .badData, "it ends after \(max(0, available)) of the \(announced) bytes of samples that it announces")
        }
        guard announced ?? available > 0 else { throw MediaError(.missing, "there are no samples in it") }
    }

    /// Whether a size of 32 bits stands for "not known": ffmpeg writes 0xFFFFFFFF, lame and arecord about 0x7FFFFFFF, SoX
    /// 0x7FFFF000 and 0x7F000008.
    private static func isOpen(_ size: Int, available: Int) -> Bool {
        size > available && (0x7F00_0000...0x8000_0100 ~= size || size >= 0xFFFF_FF00)
    }

    // MARK: - Containers

    private static func wave(_ reader: HeaderReader) -> SampleExtent? {
        var unit = 1
        var long: (size: Int, offset: Int)?
        for chunk in reader.chunks(from: 12) {
            switch chunk.name {
            case "fmt ": unit = reader.integer(at: chunk.content + 12, byteCount: 2) ?? 1
            case "ds64":
                long = reader.integer(at: chunk.content + 8, byteCount: 8).map { ($0, chunk.content + 8) }
            case "data":
                let available = reader.byteCount - chunk.content
                // An empty sound with more chunks behind it is not one whose writer was killed.
                let outer = (reader.integer(at: 4, byteCount: 4) ?? 0) + 8
                let endsBefore = outer <= chunk.content || isOpen(outer, available: reader.byteCount)
                let whole = wholeUnits(available, unit)
                if chunk.size == 0xFFFF_FFFF, let long, reader.text(at: 0) != "RIFF" {
                    let isOpen = long.size == 0 || long.size > 1 << 62
                    return SampleExtent(
                        start: chunk.content, announced: isOpen ? nil : long.size, available: available,
                        patches: [reader.patch(long.offset, whole, byteCount: 8)])
                }
                let isOpen = chunk.size == 0 ? endsBefore : isOpen(chunk.size, available: available)
                return SampleExtent(
                    start: chunk.content, announced: isOpen ? nil : chunk.size, available: available,
                    patches: [reader.patch(chunk.content - 4, whole)])
            default: break
            }
        }
        return nil
    }

    /// Sony's, with sizes of 64 bits that include their own chunk's head, and chunks at multiples of 8.
    private static func wave64(_ reader: HeaderReader) -> SampleExtent? {
        guard reader.text(at: 24) == "wave" else { return nil }
        var (offset, unit) = (40, 1)
        for _ in 0..<HeaderReader.mostChunks {
            guard let name = reader.text(at: offset), let size = reader.integer(at: offset + 16, byteCount: 8) else {
                return nil
            }
            let content = offset + 24
            if name == "fmt " { unit = reader.integer(at: content + 12, byteCount: 2) ?? 1 }
            if name == "data" {
                let available = reader.byteCount - content
                let isOpen = size <= 24 ? size == 0 : size > 1 << 62
                return SampleExtent(
                    start: content, announced: isOpen ? nil : size - 24, available: available,
                    patches: [reader.patch(offset + 16, wholeUnits(available, unit) + 24, byteCount: 8)])
            }
            guard size >= 24, size <= reader.byteCount else { return nil }
            offset += (size + 7) & ~7
        }
        return nil
    }

    private static func aiff(_ reader: HeaderReader) -> SampleExtent? {
        var patches = [reader.patch(4, reader.byteCount - 8)]
        var (unit, frames) = (1, nil as Int?)
        for chunk in reader.chunks(from: 12) {
            if chunk.name == "COMM", let channels = reader.integer(at: chunk.content, byteCount: 2),
                let bits = reader.integer(at: chunk.content + 6, byteCount: 2)
            {
                unit = max(1, channels * ((bits + 7) / 8))
                frames = chunk.content + 2
            }
            guard chunk.name == "SSND", let gap = reader.integer(at: chunk.content, byteCount: 4) else { continue }
            let start = chunk.content + 8 + gap
            let available = reader.byteCount - start
            let outer = (reader.integer(at: 4, byteCount: 4) ?? 0) + 8
            let isOpen =
                chunk.size == 0
                ? outer <= start || isOpen(outer, available: reader.byteCount)
                : isOpen(chunk.size, available: available)
            let whole = wholeUnits(available, unit)
            patches.append(reader.patch(chunk.content - 4, whole + gap + 8))
            if let frames { patches.append(reader.patch(frames, whole / unit)) }
            return SampleExtent(
                start: start, announced: isOpen ? nil : max(0, chunk.size - 8 - gap), available: available,
                patches: patches)
        }
        return nil
    }

    private static func au(_ reader: HeaderReader) -> SampleExtent? {
        guard let start = reader.integer(at: 4, byteCount: 4), let size = reader.integer(at: 8, byteCount: 4),
            let encoding = reader.integer(at: 12, byteCount: 4), let channels = reader.integer(at: 20, byteCount: 4)
        else { return nil }
        let widths = [3: 2, 4: 3, 5: 4, 6: 4, 7: 8]
        let available = reader.byteCount - start
        let isOpen = size == 0 || isOpen(size, available: available)
        let whole = wholeUnits(available, (widths[encoding] ?? 1) * min(channels, 64))
        return SampleExtent(
            start: start, announced: isOpen ? nil : size, available: available, patches: [reader.patch(8, whole)])
    }

    private static func caf(_ reader: HeaderReader) -> SampleExtent? {
        var (offset, unit) = (8, 1)
        for _ in 0..<HeaderReader.mostChunks {
            guard let name = reader.text(at: offset), let size = reader.integer(at: offset + 4, byteCount: 8) else {
                return nil
            }
            let content = offset + 12
            if name == "desc" { unit = reader.integer(at: content + 16, byteCount: 4) ?? 1 }
            if name == "data" {
                // A count of edits stands before the samples. The size −1 does not fit in our integers, which are clamped.
                let available = reader.byteCount - content - 4
                return SampleExtent(
                    start: content + 4, announced: size == .max ? nil : max(0, size - 4), available: available,
                    patches: [reader.patch(offset + 4, wholeUnits(available, unit) + 4, byteCount: 8)])
            }
            guard size <= reader.byteCount else { return nil }
            offset = content + size
        }
        return nil
    }

    private static func wholeUnits(_ byteCount: Int, _ unit: Int) -> Int {
        max(0, unit > 1 ? byteCount - byteCount % unit : byteCount)
    }
}
