internal import Base
internal import JSON
internal import Records

/// A record as a card shows it: all of its fields, long texts cut unless the whole is asked for.
struct RecordCard {
    /// A longer text is cut here, in bytes; the card says so, and how long it is.
    static let longestText = 16 << 10

    var isWhole = false

    func json(_ document: Document, ordinal: Int) -> JSONObject {
        json(
            ordinal: ordinal, id: document.id, title: document.title, text: document.text,
            media: [(.image, document.image), (.video, document.video), (.audio, document.audio)],
            extras: document.extras)
    }

    func json(_ query: Query, ordinal: Int) -> JSONObject {
        json(
            ordinal: ordinal, id: query.id, title: nil, text: query.text,
            media: [(.image, query.image), (.video, query.video), (.audio, query.audio)], extras: query.extras)
    }

    private func json(
        ordinal: Int, id: [UInt8], title: [UInt8]?, text: [UInt8]?, media: [(MediaKind, MediaReference?)],
        extras: [Extra]
    ) -> JSONObject {
        var isCut = false
        func shown(_ bytes: [UInt8]) -> JSONValue {
            guard !isWhole, bytes.count > Self.longestText else { return .string(Excerpt.text(bytes)) }
            isCut = true
            return .string(Excerpt.text(Excerpt.prefix(of: bytes, upTo: Self.longestText)))
        }
        var json: JSONObject = ["ordinal": JSONValue(ordinal), "id": .string(Excerpt.text(id))]
        if let title { json["title"] = shown(title) }
        if let text { json["text"] = shown(text) }
        json["media"] = .array(
            media.compactMap { kind, reference in reference.map { .object(Self.json($0, kind: kind)) } })
        json["extras"] = .array(
            extras.map { extra in
                let text = (try? JSONValue.parse(extra.json, path: ""))?.string
                return [
                    "key": .string(Excerpt.text(extra.key)), "value": shown(text.map { Array($0.utf8) } ?? extra.json),
                ]
            })
        json["isCut"] = JSONValue(isCut)
        json["byteCount"] = JSONValue((title?.count ?? 0) + (text?.count ?? 0))
        return json
    }

    private static func json(_ reference: MediaReference, kind: MediaKind) -> JSONObject {
        var json: JSONObject = ["kind": .string(kind.rawValue)]
        if let digest = reference.digest { json["digest"] = .string(digest.description) }
        if let item = reference.item {
            if let format = item.format { json["format"] = .string(format) }
            if let width = item.width { json["width"] = JSONValue(width) }
            if let height = item.height { json["height"] = JSONValue(height) }
            if let name = item.name { json["name"] = .string(name) }
        } else {
            json["name"] = .string(reference.name ?? Excerpt.text(reference.json))
        }
        return json
    }
}

/// Pieces of UTF-8 that stay UTF-8.
enum Excerpt {
    /// - Parameter bytes: valid UTF-8, as all of a stored record is.
    static func text(_ bytes: some Collection<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

    /// The longest prefix of whole characters (scalars) that has no more bytes.
    static func prefix(of bytes: [UInt8], upTo byteCount: Int) -> ArraySlice<UInt8> {
        guard bytes.count > byteCount else { return bytes[...] }
        var end = byteCount
        while end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 }
        return bytes[..<end]
    }

    /// A line for a list: the start of a text, or what is around a place in it.
    static func line(_ bytes: [UInt8], around offset: Int?) -> String {
        let longest = 240
        guard let offset, offset > longest / 2 else {
            let start = prefix(of: bytes, upTo: longest)
            return text(start) + (start.count < bytes.count ? "…" : "")
        }
        var start = offset - longest / 4
        while start > 0, bytes[start] & 0xC0 == 0x80 { start -= 1 }
        let rest = Array(bytes[start...])
        let shown = prefix(of: rest, upTo: longest)
        return "…" + text(shown) + (shown.count < rest.count ? "…" : "")
    }
}
