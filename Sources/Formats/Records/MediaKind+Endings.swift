extension MediaKind {
    /// The kind that files of an ending usually are: which field they are for, where nothing else says so. What a file is,
    /// its bytes tell.
    ///
    /// - Parameter fileEnding: without the dot, in any case.
    public init?(fileEnding: String) {
        guard let kind = Self.allCases.first(where: { $0.fileEndings.contains(fileEnding.lowercased()) }) else {
            return nil
        }
        self = kind
    }

    /// Endings of files that may be of this kind, in lower case; not `ts`, which most often is a program.
    public var fileEndings: Set<String> {
        switch self {
        case .image:
            [
                "jpg", "jpeg", "jpe", "jfif", "png", "apng", "gif", "webp", "bmp", "dib", "tif", "tiff", "avif",
                "heic", "heif", "jxl", "jp2",
            ]
        case .video:
            [
                "mp4", "m4v", "mov", "qt", "webm", "mkv", "avi", "mpg", "mpeg", "m2ts", "wmv", "asf", "flv",
                "f4v", "3gp", "3g2", "ogv", "mxf",
            ]
        case .audio:
            [
                "wav", "wave", "bwf", "rf64", "w64", "mp3", "mp2", "mpga", "flac", "ogg", "oga", "opus", "spx",
                "m4a", "m4b", "weba", "mka", "aac", "adts", "amr", "awb", "wma", "aif", "aiff", "aifc", "au",
                "snd", "caf", "ac3", "eac3", "dts", "wv", "ape", "tta", "mpc", "sph", "nist", "voc",
            ]
        }
    }
}

extension MediaFormat {
    /// What files of the format usually hold.
    public var kind: MediaKind {
        switch self {
        case .jpeg, .png, .gif, .webp: .image
        case .mp4, .mov, .webm, .matroska: .video
        case .wav, .mp3, .flac, .ogg: .audio
        }
    }
}
