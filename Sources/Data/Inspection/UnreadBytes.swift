internal import Records

/// Bytes that are known and are not read: formats without a reader here, and texts in the place of a file.
enum UnreadBytes: Equatable {
    /// A format of images, audio or documents, by its usual name.
    case format(String)
    /// What a version control system keeps in the place of a large file, by the system's name and how it is fetched.
    case pointer(String, command: String)
    /// What a server sends instead of a file.
    case page(String)

    /// How many of an item's first bytes are looked at.
    static let prefixByteCount = 4096

    /// - Parameter start: the first bytes of an item, at most ``prefixByteCount``.
    /// - Returns: nil for bytes of another kind.
    init?(_ start: [UInt8]) {
        func has(_ text: String, at offset: Int = 0) -> Bool {
            start.dropFirst(offset).starts(with: text.utf8)
        }
        if let name = Self.imageOfISOBaseMedia(start) {
            self = .format(name)
        } else if let signature = Self.signatures.first(where: { start.starts(with: $0.bytes) }) {
            self = .format(signature.name)
        } else if has("DICM", at: 128) {
            self = .format("DICOM")
        } else if has("version https://git-lfs.github.com/spec/") || has("version https://hawser.github.com/spec/") {
            self = .pointer("Git LFS", command: "git lfs pull")
        } else if has("/annex/objects/") || has("../.git/annex/objects/") || has(".git/annex/objects/") {
            self = .pointer("git-annex", command: "git annex get")
        } else if has("# xet version") {
            self = .pointer("Xet", command: "git xet checkout, or a download from the hub,")
        } else if let markup = Self.markup(start) {
            self = markup
        } else {
            return nil
        }
    }

    private static let signatures: [(bytes: [UInt8], name: String)] =
        [
            ([0xFF, 0x0A], "JPEG XL"), ([0, 0, 0, 12] + Array("JXL ".utf8), "JPEG XL"),
            ([0xFF, 0x4F, 0xFF, 0x51], "JPEG 2000"), ([0, 0, 0, 12] + Array("jP  ".utf8), "JPEG 2000"),
            ([0, 0, 1, 0], "ICO"), ([0, 0, 2, 0], "CUR"), (Array("8BPS".utf8), "PSD"), (Array("%PDF-".utf8), "PDF"),
            (Array("%!PS".utf8), "PostScript"), ([0xC5, 0xD0, 0xD3, 0xC6], "PostScript"),
            (Array("gimp xcf".utf8), "XCF"),
            ([0x76, 0x2F, 0x31, 0x01], "OpenEXR"), (Array("#?RADIANCE".utf8), "Radiance HDR"),
            (Array("qoif".utf8), "QOI"),
            (Array("DDS ".utf8), "DDS"), (Array("AT&TFORM".utf8), "DjVu"), (Array("II".utf8) + [0xBC], "JPEG XR"),
            (Array("FLIF".utf8), "FLIF"), (Array("BPG".utf8) + [0xFB], "BPG"), ([0xD7, 0xCD, 0xC6, 0x9A], "WMF"),
            (Array("MThd".utf8), "MIDI"), (Array(".RMF".utf8), "RealMedia"), (Array("FWS".utf8), "Flash"),
            (Array("CWS".utf8), "Flash"), (Array("PK\u{3}\u{4}".utf8), "ZIP"), ([0x1F, 0x8B], "gzip"),
            ([0x28, 0xB5, 0x2F, 0xFD], "zstd"), ([0xFD] + Array("7zXZ".utf8), "xz"), (Array("BZh".utf8), "bzip2"),
            (Array("7z".utf8) + [0xBC, 0xAF], "7z"), (Array("Rar!".utf8), "RAR"), (Array("PAR1".utf8), "Parquet"),
            ([0x93] + Array("NUMPY".utf8), "NPY"), ([0x89] + Array("HDF".utf8), "HDF5"),
        ] + (1...7).map { (Array("P\($0)".utf8) + [0x0A], "Netpbm") } + [(Array("P6 ".utf8), "Netpbm")]

    /// Images in the container of MP4, by their brands: the major one or, where that says no more than "an image", the others.
    private static func imageOfISOBaseMedia(_ start: [UInt8]) -> String? {
        guard start.count >= 16, start[4..<8].elementsEqual("ftyp".utf8) else { return nil }
        let size = start[..<4].reduce(0) { $0 << 8 | Int($1) }
        let brands = [8] + Array(stride(from: 16, to: max(16, min(size, start.count - 3)), by: 4))
        let names = brands.map { String(decoding: start[$0..<$0 + 4], as: UTF8.self) }
        guard let major = names.first else { return nil }
        if let name = imageBrands[major] { return name }
        guard ["mif1", "mif2", "msf1", "miaf", "MiHB", "MiHA"].contains(major) else { return nil }
        return names.lazy.compactMap { imageBrands[$0] }.first ?? "HEIF"
    }

    private static let imageBrands: [String: String] = [
        "avif": "AVIF", "avis": "AVIF", "avio": "AVIF", "heic": "HEIC", "heix": "HEIC", "heim": "HEIC", "heis": "HEIC",
        "hevc": "HEIC", "hevx": "HEIC", "hevm": "HEIC", "hevs": "HEIC", "jpeg": "HEIF", "jpgs": "HEIF", "j2ki": "HEIF",
        "j2is": "HEIF", "vvic": "HEIF", "crx ": "CR3",
    ]

    /// Texts in angle brackets: a drawing, a page, or the XML of a server that says no.
    private static func markup(_ start: [UInt8]) -> UnreadBytes? {
        let text = String(decoding: start, as: UTF8.self).drop { $0.isWhitespace || $0 == "\u{FEFF}" }
        guard text.first == "<" else { return nil }
        let lower = text.lowercased()
        if lower.hasPrefix("<!doctype html") || lower.hasPrefix("<html") || lower.hasPrefix("<head") {
            return .page("HTML page")
        }
        guard lower.hasPrefix("<?xml") || lower.hasPrefix("<!") || lower.hasPrefix("<svg") else {
            return lower.contains("<html") ? .page("HTML page") : nil
        }
        if lower.contains("<svg") { return .format("SVG") }
        return .page(lower.contains("<html") ? "HTML page" : "XML document")
    }

    /// - Parameter begin: the first bytes as a message shows them.
    func fault(begin: String) -> RecordFault {
        switch self {
        case .format(let name):
            RecordFault(
                .unknownFormat, "the format \(name) is not read; it begins with \(begin)",
                advice: "Convert it to one that is: docs/formats.md lists them. \(MediaInspector.looseAdvice)")
        case .pointer(let system, let command):
            RecordFault(
                .unknownFormat, "it is a pointer of \(system), and not the file that it stands for",
                advice: "\(command) fetches the files themselves.")
        case .page(let kind):
            RecordFault(
                .unknownFormat, "it is an \(kind), and not the file: it begins with \(begin)",
                advice: "A server sends such a text where a file is not there or not allowed: fetch it again.")
        }
    }
}
