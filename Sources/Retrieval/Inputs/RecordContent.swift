public import Base
internal import JSON
public import Records

/// What there is in a record for a model.
public struct RecordContent: Sendable {
    public let id: [UInt8]
    /// Rendered as ``RecordText`` has it, without prompt; nil where there is no text, and no title but an empty one.
    public let text: [UInt8]?
    /// Its image, video and sound, as far as it has them; in this order.
    public let media: [Media]

    /// An image, a video or a sound of a record.
    public struct Media: Sendable, Equatable {
        public let kind: MediaKind
        public let reference: MediaReference

        public init(kind: MediaKind, reference: MediaReference) {
            self.kind = kind
            self.reference = reference
        }
    }

    public init(id: [UInt8], text: [UInt8]?, media: [Media] = []) {
        self.id = id
        self.text = text
        self.media = media
    }

    public var hasMedia: Bool { !media.isEmpty }
}

/// Reads the contents of stored lines; one for each thread.
///
/// Not Sendable: it holds the tape of its last line.
public final class RecordContentReader {
    private let parser = JSONParser()
    private let documents = RecordScanner(.document)
    private let queries = RecordScanner(.query)

    public init() {}

    /// - Parameter line: as it lies in the store.
    /// - Throws: `InputError` at the place for a line that is no record.
    public func content(
        of line: UnsafeRawBufferPointer, _ role: Role, at place: @autoclosure () -> Place
    ) throws -> RecordContent {
        try withExtendedLifetime(parser) {
            let scanner = role == .query ? queries : documents
            do throws(RecordFault) {
                try scanner.scan(RecordScanner.root(of: line, padded: false, parser: parser))
            } catch {
                throw error.error(at: place(), line: line)
            }
            let title = role == .document ? scanner.node(.title)?.string : nil
            let text = scanner.node(.text)?.string
            var rendered: [UInt8]?
            if text != nil || !(title?.isEmpty ?? true) {
                var bytes: [UInt8] = []
                bytes.reserveCapacity((title?.count ?? 0) + 1 + (text?.count ?? 0))
                RecordText.append(title: title, text: text, to: &bytes)
                rendered = bytes
            }
            var media: [RecordContent.Media] = []
            if scanner.hasMedia {
                for kind in MediaKind.allCases {
                    guard let reference = scanner.media(kind) else { continue }
                    media.append(.init(kind: kind, reference: reference))
                }
            }
            return RecordContent(id: scanner.id.map { Array($0) } ?? [], text: rendered, media: media)
        }
    }
}
