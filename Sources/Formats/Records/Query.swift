public import Base
public import JSON

/// A query as the store keeps it: its links to documents live beside it, not in it.
///
/// Written with the keys `query_id, query_text, query_image, query_video, query_audio` and then the extras, sorted by
/// key. Equal queries are written as equal bytes.
public struct Query: Sendable, Equatable {
    /// Opaque, at least one byte, valid UTF-8.
    public var id: [UInt8]
    /// Valid UTF-8.
    public var text: [UInt8]?
    public var image: MediaReference?
    public var video: MediaReference?
    public var audio: MediaReference?
    /// Fields that tvt does not interpret, sorted by key; also fields above that were written as `null`.
    public var extras: [Extra]

    public init(
        id: [UInt8], text: [UInt8]? = nil, image: MediaReference? = nil, video: MediaReference? = nil,
        audio: MediaReference? = nil, extras: [Extra] = []
    ) {
        self.id = id
        self.text = text
        self.image = image
        self.video = video
        self.audio = audio
        self.extras = extras
    }

    /// Reads one JSON line in the v2 form; `text`, `image`, … are accepted for `query_text`, …; links are checked
    /// and left out.
    ///
    /// - Parameter parser: saves making one for every line.
    /// - Throws: `InputError` at `place` when the line is no such record.
    public init(jsonLine: UnsafeRawBufferPointer, at place: Place, parser: JSONParser? = nil) throws {
        let scanner = RecordScanner(.query)
        try scanner.scan(line: jsonLine, at: place, parser: parser ?? JSONParser())
        id = scanner.id.map { Array($0) } ?? []
        text = scanner.bytes(of: .text)
        image = scanner.media(.image)
        video = scanner.media(.video)
        audio = scanner.media(.audio)
        extras = scanner.sortedExtras()
    }

    /// Appends the record as one JSON line, without a newline.
    public func appendJSONLine(to output: inout [UInt8]) {
        var writer = RecordLineWriter(layout: .query, id: id)
        writer.append(.text, text: text)
        writer.append(.image, media: image)
        writer.append(.video, media: video)
        writer.append(.audio, media: audio)
        writer.finish(extras, to: &output)
    }
}
