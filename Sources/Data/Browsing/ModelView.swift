internal import JSON
public import Records

/// What a model is given of records, for the page; implemented by who knows models.
///
/// One thread at a time asks.
public protocol ModelView: Sendable {
    /// What the page calls the model: no path.
    var modelName: String { get }

    /// What the model is given of a record.
    ///
    /// - Parameter line: as it lies in the store.
    /// - Throws: ``ModelViewError`` for a record that the model is not given, or whose media are broken.
    func preview(of line: [UInt8], _ role: Role) throws -> ModelPreview

    /// One of the pictures that the preview announces, as PNG.
    ///
    /// - Throws: ``ModelViewError`` as ``preview(of:_:)``, and where there is no such picture.
    func picture(_ picture: ModelPicture, of line: [UInt8], _ role: Role) throws -> [UInt8]
}

/// Why a model is not given a record, for people: a sentence without paths of this machine.
public struct ModelViewError: Error, Sendable, Equatable {
    public let message: String
    /// Whether what was asked for does not exist.
    public let isMissing: Bool

    public init(_ message: String, isMissing: Bool = false) {
        self.message = message
        self.isMissing = isMissing
    }
}

/// Names a picture of a record.
public struct ModelPicture: Sendable, Hashable {
    /// Places in ``ModelPreview/items`` and in the item's captions, from 0.
    public let item: Int
    public let number: Int
    /// Whether lines show where tokens meet.
    public let hasLines: Bool

    public init(item: Int, number: Int, hasLines: Bool) {
        (self.item, self.number, self.hasLines) = (item, number, hasLines)
    }
}

/// What a model is given of one record.
public struct ModelPreview: Sendable {
    /// Prompt, template and text in order.
    public let parts: [Part]
    public let tokenCount: Int
    /// Those of media among them.
    public let mediaTokenCount: Int
    /// What there is to know of it, a sentence each.
    public let notes: [String]
    public let items: [Item]

    /// A piece of the text.
    public struct Part: Sendable, Equatable {
        public let text: String
        /// Whether it is cut off.
        public let isCut: Bool

        public init(_ text: String, isCut: Bool = false) { (self.text, self.isCut) = (text, isCut) }
    }

    /// An image, a video or a sound.
    public struct Item: Sendable, Equatable {
        public let kind: MediaKind
        public let summary: String
        /// Of each of its pictures.
        public let captions: [String]

        public init(kind: MediaKind, summary: String, captions: [String]) {
            (self.kind, self.summary, self.captions) = (kind, summary, captions)
        }
    }

    public init(parts: [Part], tokenCount: Int, mediaTokenCount: Int, notes: [String], items: [Item]) {
        self.parts = parts
        self.tokenCount = tokenCount
        self.mediaTokenCount = mediaTokenCount
        self.notes = notes
        self.items = items
    }

    /// Bytes of a longer part are left out on the page, which says how many.
    static let longestPart = 64 << 10
    /// What is cut off need not be read in full.
    static let longestCutPart = 2 << 10

    var json: JSONValue {
        [
            "parts": .array(
                parts.map { part in
                    let bytes = Array(part.text.utf8)
                    let shown = Excerpt.prefix(of: bytes, upTo: part.isCut ? Self.longestCutPart : Self.longestPart)
                    return [
                        "text": .string(Excerpt.text(shown)), "isCut": .bool(part.isCut),
                        "leftOut": JSONValue(bytes.count - shown.count),
                    ]
                }),
            "tokens": JSONValue(tokenCount), "mediaTokens": JSONValue(mediaTokenCount),
            "notes": .array(notes.map { .string($0) }),
            "items": .array(
                items.map {
                    [
                        "kind": .string($0.kind.rawValue), "summary": .string($0.summary),
                        "captions": .array($0.captions.map { .string($0) }),
                    ]
                }),
        ]
    }
}
