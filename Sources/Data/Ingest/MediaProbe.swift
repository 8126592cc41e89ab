public import JSON
public import Records
public import SystemPackage

/// Looks into items of media on their way into the store, and makes other ones of them where that was asked for.
///
/// Asked by several workers at once; what it answers is a function of the bytes and the field, apart from the fault of an
/// item that takes too long.
public protocol MediaProbe: Sendable {
    /// - Parameters:
    ///   - header: what the first bytes say.
    ///   - kind: the field that names the item.
    /// - Throws: `RecordFault` of a broken item, without a field; other errors, which the item has no part in, end the
    ///   conversion.
    func findings(
        in bytes: ItemBytes, _ header: MediaHeader, as kind: MediaKind
    ) throws -> MediaFindings

    /// What changes the result, for the manifest.
    var options: JSONObject { get }
    /// Whether items are decoded, which takes so long that batches have few records; some may be larger when they are encoded
    /// anew.
    var decodes: Bool { get }
}

/// Where the bytes of an item are while it is looked into.
public enum ItemBytes {
    case memory(UnsafeRawBufferPointer)
    case file(FilePath, byteCount: Int)
}

/// What a probe finds out about an item, besides what its first bytes say.
public struct MediaFindings: Sendable, Equatable {
    /// Of a video, in pixels, as it is to be seen.
    public var width: Int?
    public var height: Int?
    /// In seconds, in whole thousandths.
    public var duration: Double?
    /// Samples a second.
    public var sampleRate: Int?
    public var channelCount: Int?
    /// Pictures of a video.
    public var frameCount: Int?
    /// What is stored in the place of the item.
    public var encoded: [UInt8]?

    public init() {}
}
