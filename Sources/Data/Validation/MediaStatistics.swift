internal import JSON
internal import Records
internal import StoreFormat

/// Images, videos and sounds by their formats; an item that comes again counts again.
struct MediaStatistics: Sendable {
    private(set) var itemCount = 0
    private(set) var byteCount = 0
    /// By field and format: `image png`.
    private(set) var formats: [String: Int] = [:]
    /// References to something elsewhere.
    var externalCount = 0

    mutating func add(_ item: MediaItem, as kind: MediaKind) {
        itemCount += 1
        byteCount += item.byteCount
        formats["\(kind.rawValue) \(item.header.format?.rawValue ?? "of unknown format")", default: 0] += 1
    }

    var json: JSONValue {
        [
            "items": JSONValue(itemCount), "bytes": JSONValue(byteCount), "external": JSONValue(externalCount),
            "formats": .object(JSONObject(formats.sorted { $0.key < $1.key }.map { ($0.key, JSONValue($0.value)) })),
        ]
    }
}
