internal import Base

extension Manifest.MediaTable {
    /// For people: `2 items, 3.1 MB raw, 3.0 MB stored (2 images), 1 reference to items elsewhere`.
    public var summary: String {
        func counted(_ value: Int, _ one: String, _ many: String) -> String {
            "\(grouped(value)) \(value == 1 ? one : many)"
        }
        var text = "\(counted(itemCount, "item", "items")), \(byteSize(rawBytes)) raw, \(byteSize(storedBytes)) stored"
        let kinds = [
            (imageCount, "image", "images"), (videoCount, "video", "videos"), (audioCount, "sound", "sounds"),
        ].filter { $0.0 > 0 }.map { counted($0.0, $0.1, $0.2) }
        if !kinds.isEmpty { text += " (\(kinds.joined(separator: ", ")))" }
        if externalCount > 0 { text += ", \(counted(externalCount, "reference", "references")) to items elsewhere" }
        return text
    }
}
