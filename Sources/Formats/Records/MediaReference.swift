public import Base
internal import JSON

/// What a field of a record shows or plays.
public enum MediaKind: String, Sendable, CaseIterable {
    case image, video, audio

    var role: FieldRole {
        switch self {
        case .image: .image
        case .video: .video
        case .audio: .audio
        }
    }
}

/// What a record says about an image, a video or a sound: a name, or an object with a digest and sizes.
public struct MediaReference: Sendable, Equatable {
    /// A JSON string (path, URI or `sha256:<hex>`) or a JSON object, compact.
    public var json: [UInt8]

    /// - Parameter json: a JSON string or object, compact.
    public init(json: [UInt8]) { self.json = json }

    /// A reference by name: path, URI or `sha256:<hex>`.
    public init(name: String) {
        json = []
        JSONText.appendString(name, to: &json)
    }

    /// Names the bytes of an item, whatever their address was.
    public struct Item: Sendable, Equatable {
        public var digest: SHA256Digest
        /// In bytes.
        public var size: Int
        /// What the bytes say that they are: a ``MediaFormat``, if a reader of today knows it; nil for unknown.
        public var format: String?
        /// Of an image or a video, in pixels.
        public var width: Int?
        public var height: Int?
        /// Of a sound or a video, in seconds.
        public var duration: Double?
        /// Of a sound, or the sound of a video: samples a second of each channel.
        public var sampleRate: Int?
        public var channelCount: Int?
        /// How many pictures a video has.
        public var frameCount: Int?
        /// Of the bytes that the item was made of, where it was encoded anew.
        public var sourceDigest: SHA256Digest?
        /// The name of the file that the item came from, where that was to be kept.
        public var name: String?

        public init(
            digest: SHA256Digest, size: Int, format: String? = nil, width: Int? = nil, height: Int? = nil,
            name: String? = nil
        ) {
            self.digest = digest
            self.size = size
            self.format = format
            self.width = width
            self.height = height
            self.name = name
        }
    }

    /// A reference by digest, without what is nil: `{"digest":…,"size":…,"format":…,"width":…,"height":…,"duration":…,
    /// "sample_rate":…,"channels":…,"frames":…,"source_digest":…,"name":…}`.
    public init(_ item: Item) {
        json = []
        func member(_ key: StaticString) {
            json.append(json.isEmpty ? 0x7B : 0x2C)
            JSONText.appendString("\(key)", to: &json)
            json.append(0x3A)
        }
        func member(_ key: StaticString, _ number: Int?) {
            guard let number else { return }
            member(key)
            JSONText.appendInteger(number, to: &json)
        }
        func member(_ key: StaticString, _ text: String?) {
            guard let text else { return }
            member(key)
            JSONText.appendString(text, to: &json)
        }
        member("digest", item.digest.description)
        member("size", item.size)
        member("format", item.format)
        member("width", item.width)
        member("height", item.height)
        if let duration = item.duration {
            member("duration")
            JSONText.appendDouble(duration, to: &json)
        }
        member("sample_rate", item.sampleRate)
        member("channels", item.channelCount)
        member("frames", item.frameCount)
        member("source_digest", item.sourceDigest?.description)
        member("name", item.name)
        json.append(0x7D)
    }

    private var value: JSONValue? { try? JSONValue.parse(json, path: "media reference") }

    /// The name, when the reference is just that.
    public var name: String? { value?.string }

    /// The path of a structure of `path` and empty `bytes`, as the library `datasets` has files of media; nil for others.
    public var path: String? {
        guard let structure, structure["bytes"] ?? .null == .null else { return nil }
        return structure["path"]?.string
    }

    /// Whether the reference is such a structure and has bytes, which are no text.
    public var holdsBytes: Bool { structure.map { $0["bytes"] ?? .null != .null } ?? false }

    private var structure: JSONObject? {
        guard json.first == UInt8(ascii: "{"), let object = value?.object, !object.isEmpty else { return nil }
        return object.allSatisfy { ["bytes", "path"].contains($0.key) } ? object : nil
    }

    /// What the reference says of its item; nil where it is a name, or an object without a proper digest and size.
    public var item: Item? {
        guard let object = value, let digest = object["digest"]?.string.flatMap({ SHA256Digest(hex: $0) }),
            let size = object["size"]?.integer, size >= 0
        else { return nil }
        var item = Item(
            digest: digest, size: size, format: object["format"]?.string, width: object["width"]?.integer,
            height: object["height"]?.integer, name: object["name"]?.string)
        item.duration = object["duration"]?.double.flatMap { $0.isFinite && $0 >= 0 ? $0 : nil }
        item.sampleRate = object["sample_rate"]?.integer
        item.channelCount = object["channels"]?.integer
        item.frameCount = object["frames"]?.integer
        item.sourceDigest = object["source_digest"]?.string.flatMap { SHA256Digest(hex: $0) }
        return item
    }

    /// The digest of the bytes, where the reference tells it: in an object, or as the name `sha256:<hex>`.
    public var digest: SHA256Digest? {
        guard let value else { return nil }
        if let name = value.string { return name.hasPrefix("sha256:") ? SHA256Digest(hex: name) : nil }
        return value["digest"]?.string.flatMap { SHA256Digest(hex: $0) }
    }

    /// In bytes.
    public var size: Int? { item?.size }
    public var format: MediaFormat? { item?.format.flatMap { MediaFormat(rawValue: $0) } }
    /// Of an image or a video, in pixels.
    public var width: Int? { item?.width }
    public var height: Int? { item?.height }
}
