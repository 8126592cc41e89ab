internal import Records

/// Options that say which columns hold images, videos and sounds.
protocol MediaColumns {
    var images: [String] { get set }
    var videos: [String] { get set }
    var audios: [String] { get set }
}

extension MediaColumns {
    /// Columns that are said to hold media, by names without patterns.
    var declaredMedia: [String: MediaKind] {
        var media: [String: MediaKind] = [:]
        for (kind, names) in [(MediaKind.image, images), (.video, videos), (.audio, audios)] {
            for name in names { media[name] = kind }
        }
        return media
    }

    /// Says that a column holds media.
    mutating func declare(_ column: String, as kind: MediaKind) {
        switch kind {
        case .image: images.append(column)
        case .video: videos.append(column)
        case .audio: audios.append(column)
        }
    }
}
