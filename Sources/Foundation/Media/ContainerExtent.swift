/// Whether a container of pictures and sounds is as long as it says: what libav reads to its end without a word where the rest
/// was cut off.
///
/// Matroska and WebM (an element is as long as its header says, unless that is left open, as where a writer could not go
/// back), AVI (its chunks). A file of elements that are open is cut where its last one is; one that ends between two of them
/// is whole.
struct ContainerExtent {
    private let reader: HeaderReader
    private let kind: Kind

    private enum Kind {
        case matroska, avi
    }

    /// - Returns: nil for bytes of another kind.
    init?(of bytes: MediaBytes) {
        reader = HeaderReader(bytes).bigEndian
        if reader.integer(at: 0, byteCount: 4) == Self.header {
            kind = .matroska
        } else if reader.text(at: 0) == "RIFF", reader.text(at: 8) == "AVI " {
            kind = .avi
        } else {
            return nil
        }
    }

    /// - Throws: ``MediaError`` where something begins that does not end.
    func check() throws(MediaError) {
        let end = kind == .matroska ? announcedMatroskaEnd : announcedAVIEnd
        guard let end, end > reader.byteCount else { return }
        throw MediaError(.badData, "it announces \(end) bytes, and it ends after \(reader.byteCount)")
    }

    // MARK: - Matroska

    /// Elements, RFC 8794, section 11.2, and RFC 9559, section 5.1.
    private static let header = 0x1A45_DFA3
    private static let segment = 0x1853_8067
    private static let cluster = 0x1F43_B675
    /// A file with more elements was made to keep its reader busy, or is a very long stream; its end is not looked for.
    private static let mostElements = 1 << 17

    private struct Element {
        let id: Int
        let content: Int
        /// Nil where it is left open.
        let size: Int?
    }

    /// Where the last element that is not open ends, or the one that reaches behind the end of the file.
    private var announcedMatroskaEnd: Int? {
        var offset = 0
        for _ in 0..<Self.mostElements {
            guard offset < reader.byteCount, let element = element(at: offset) else { return offset }
            guard let size = element.size else {
                // What is in it follows.
                guard element.id == Self.segment || element.id == Self.cluster else { return nil }
                offset = element.content
                continue
            }
            let (end, isTooLarge) = element.content.addingReportingOverflow(size)
            guard !isTooLarge, end <= reader.byteCount else { return isTooLarge ? nil : end }
            offset = end
        }
        return nil
    }

    /// Nil for what is no element, as bytes behind the end of the last one.
    private func element(at offset: Int) -> Element? {
        guard let (id, idCount) = number(at: offset, longest: 4, keepsMarker: true),
            let (size, sizeCount) = number(at: offset + idCount, longest: 8, keepsMarker: false)
        else { return nil }
        let isOpen = size == 1 << (7 * sizeCount) - 1
        return Element(id: id, content: offset + idCount + sizeCount, size: isOpen ? nil : size)
    }

    /// A number whose first byte tells its length by the zeros that it begins with: RFC 8794, section 4.
    private func number(at offset: Int, longest: Int, keepsMarker: Bool) -> (value: Int, byteCount: Int)? {
        guard let first = reader.integer(at: offset, byteCount: 1), first > 0 else { return nil }
        let byteCount = UInt8(first).leadingZeroBitCount + 1
        guard byteCount <= longest, let value = reader.integer(at: offset, byteCount: byteCount) else { return nil }
        return (keepsMarker ? value : value & (1 << (7 * byteCount) - 1), byteCount)
    }

    // MARK: - AVI

    /// Where the last of the RIFF chunks ends; nil where a writer that could not go back left its size open. A long file has
    /// several.
    private var announcedAVIEnd: Int? {
        var offset = 0
        while offset < reader.byteCount, reader.text(at: offset) == "RIFF" {
            guard let digits = reader.bytes(at: offset + 4, count: 4) else { return nil }
            let size = digits.reversed().reduce(0) { $0 << 8 | Int($1) }
            guard size > 0, size < 0x7F00_0000 else { return nil }
            offset += 8 + size
        }
        return offset
    }
}
