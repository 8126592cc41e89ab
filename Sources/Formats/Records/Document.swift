public import Base
public import JSON

/// A record of the corpus.
///
/// Written with the keys `docid, title, document_text, document_image, document_video, document_audio` and then the
/// extras, sorted by key. Equal documents are written as equal bytes.
public struct Document: Sendable, Equatable {
    /// Opaque, at least one byte, valid UTF-8.
    public var id: [UInt8]
    /// Valid UTF-8; nil is no title, which is not the same as an empty one.
    public var title: [UInt8]?
    /// Valid UTF-8.
    public var text: [UInt8]?
    public var image: MediaReference?
    public var video: MediaReference?
    public var audio: MediaReference?
    /// Fields that tvt does not interpret, sorted by key; also fields above that were written as `null`.
    public var extras: [Extra]

    public init(
        id: [UInt8], title: [UInt8]? = nil, text: [UInt8]? = nil, image: MediaReference? = nil,
        video: MediaReference? = nil, audio: MediaReference? = nil, extras: [Extra] = []
    ) {
        self.id = id
        self.title = title
        self.text = text
        self.image = image
        self.video = video
        self.audio = audio
        self.extras = extras
    }

    /// Reads one JSON line in the v2 form; `text`, `image`, … are accepted for `document_text`, ….
    ///
    /// - Parameter parser: saves making one for every line.
    /// - Throws: `InputError` at `place` when the line is no such record.
    public init(jsonLine: UnsafeRawBufferPointer, at place: Place, parser: JSONParser? = nil) throws {
        let scanner = RecordScanner(.document)
        try scanner.scan(line: jsonLine, at: place, parser: parser ?? JSONParser())
        id = scanner.id.map { Array($0) } ?? []
        title = scanner.bytes(of: .title)
        text = scanner.bytes(of: .text)
        image = scanner.media(.image)
        video = scanner.media(.video)
        audio = scanner.media(.audio)
        extras = scanner.sortedExtras()
    }

    /// Appends the record as one JSON line, without a newline.
    public func appendJSONLine(to output: inout [UInt8]) {
        var writer = RecordLineWriter(layout: .document, id: id)
        writer.append(.title, text: title)
        writer.append(.text, text: text)
        writer.append(.image, media: image)
        writer.append(.video, media: video)
        writer.append(.audio, media: audio)
        writer.finish(extras, to: &output)
    }

    /// Appends a document of texts alone as one JSON line, without a newline: the same bytes, without making one.
    ///
    /// - Parameters: valid UTF-8, all three.
    public static func appendJSONLine(
        id: UnsafeRawBufferPointer, title: UnsafeRawBufferPointer?, text: UnsafeRawBufferPointer,
        to output: inout [UInt8]
    ) {
        JSONText.appendLiteral("{\"docid\":", to: &output)
        JSONText.appendString(id, to: &output)
        if let title {
            JSONText.appendLiteral(",\"title\":", to: &output)
            JSONText.appendString(title, to: &output)
        }
        JSONText.appendLiteral(",\"document_text\":", to: &output)
        JSONText.appendString(text, to: &output)
        output.append(0x7D)
    }
}
