/// A field that tvt carries without interpreting it.
public struct Extra: Sendable, Equatable {
    /// Valid UTF-8.
    public var key: [UInt8]
    /// The value as compact JSON.
    public var json: [UInt8]

    public init(key: [UInt8], json: [UInt8]) {
        self.key = key
        self.json = json
    }
}

/// What a field of a record means.
public enum FieldRole: Int, Sendable, CaseIterable {
    case id, title, text, image, video, audio, positives, negatives, positiveScores, negativeScores

    /// Roles whose values make up the content of a record.
    static let content: [FieldRole] = [.text, .image, .video, .audio]

    var isMedia: Bool { self == .image || self == .video || self == .audio }

    /// Whether its value is an array: of ids or passages, or of their scores.
    var isList: Bool {
        self == .positives || self == .negatives || self == .positiveScores || self == .negativeScores
    }
}

/// How the records of one format name their fields.
public struct RecordLayout: Sendable {
    struct Field: Sendable {
        let role: FieldRole
        /// Names under which it is read; the first is the one that messages use.
        let names: [StaticString]
    }

    /// A role with the name under which the store keeps it, in the order of writing.
    struct WrittenField: Sendable {
        let role: FieldRole
        let name: StaticString
    }

    let fields: [Field]
    let written: [WrittenField]
    let idIsRequired: Bool
    /// The only role that counts as content; nil where any of text, image, video and audio will do.
    let requiredContent: FieldRole?
    /// Whether both lists of passages must be there, as arrays.
    let linksAreRequired: Bool

    private static let documentFields: [WrittenField] = [
        .init(role: .id, name: "docid"), .init(role: .title, name: "title"),
        .init(role: .text, name: "document_text"), .init(role: .image, name: "document_image"),
        .init(role: .video, name: "document_video"), .init(role: .audio, name: "document_audio"),
    ]
    private static let queryFields: [WrittenField] = [
        .init(role: .id, name: "query_id"), .init(role: .text, name: "query_text"),
        .init(role: .image, name: "query_image"), .init(role: .video, name: "query_video"),
        .init(role: .audio, name: "query_audio"),
    ]
    /// Names that mean something in every record of the store, besides those that it is written with.
    static let reservedNames: [StaticString] = [
        "text", "image", "video", "audio", "positive_document_ids", "negative_document_ids",
        "positive_document_scores", "negative_document_scores",
    ]
    /// A document in the words of v1.
    static let passageNames: [WrittenField] = [
        .init(role: .id, name: "docid"), .init(role: .title, name: "title"), .init(role: .text, name: "text"),
        .init(role: .image, name: "image"), .init(role: .video, name: "video"), .init(role: .audio, name: "audio"),
    ]
    /// A document in the words of BEIR, and of those who put images beside its texts.
    static let beirDocumentNames: [WrittenField] = [
        .init(role: .id, name: "_id"), .init(role: .title, name: "title"), .init(role: .text, name: "text"),
        .init(role: .image, name: "image"), .init(role: .video, name: "video"), .init(role: .audio, name: "audio"),
    ]
    static let beirQueryNames: [WrittenField] = beirDocumentNames.filter { $0.role != .title }
    /// A query in the words of v1.
    static let rowNames: [WrittenField] = [
        .init(role: .id, name: "query_id"), .init(role: .text, name: "query"),
        .init(role: .image, name: "image"), .init(role: .video, name: "video"), .init(role: .audio, name: "audio"),
    ]
    private static let documentMedia: [Field] = [
        .init(role: .image, names: ["document_image", "image"]),
        .init(role: .video, names: ["document_video", "video"]),
        .init(role: .audio, names: ["document_audio", "audio"]),
    ]
    private static let queryMedia: [Field] = [
        .init(role: .image, names: ["query_image", "image"]),
        .init(role: .video, names: ["query_video", "video"]),
        .init(role: .audio, names: ["query_audio", "audio"]),
    ]
    private static let idLinks: [Field] = [
        .init(role: .positives, names: ["positive_document_ids"]),
        .init(role: .negatives, names: ["negative_document_ids"]),
        .init(role: .positiveScores, names: ["positive_document_scores"]),
        .init(role: .negativeScores, names: ["negative_document_scores"]),
    ]

    /// v2 corpus.
    public static let document = RecordLayout(
        fields: [
            .init(role: .id, names: ["docid"]), .init(role: .title, names: ["title"]),
            .init(role: .text, names: ["document_text", "text"]),
        ] + documentMedia,
        written: documentFields, idIsRequired: true, requiredContent: nil, linksAreRequired: false)

    /// v2 queries.
    public static let query = RecordLayout(
        fields: [
            .init(role: .id, names: ["query_id"]), .init(role: .text, names: ["query_text", "text"]),
        ] + queryMedia + idLinks,
        written: queryFields, idIsRequired: true, requiredContent: nil, linksAreRequired: false)

    /// A passage inside a v1 row.
    public static let passage = RecordLayout(
        fields: [
            .init(role: .id, names: ["docid"]), .init(role: .title, names: ["title"]),
            .init(role: .text, names: ["text", "document_text"]),
        ] + documentMedia,
        written: documentFields, idIsRequired: false, requiredContent: .text, linksAreRequired: false)

    /// A v1 row; its links are arrays of passages.
    public static let row = RecordLayout(
        fields: [
            .init(role: .id, names: ["query_id"]), .init(role: .text, names: ["query", "query_text"]),
            .init(role: .positives, names: ["positive_passages", "positive_document_ids"]),
            .init(role: .negatives, names: ["negative_passages", "negative_document_ids"]),
        ] + queryMedia,
        written: queryFields, idIsRequired: true, requiredContent: .text, linksAreRequired: true)

    /// BEIR's corpus.jsonl.
    public static let beirDocument = RecordLayout(
        fields: [
            .init(role: .id, names: ["_id", "docid"]), .init(role: .title, names: ["title"]),
            .init(role: .text, names: ["text", "document_text"]),
        ] + documentMedia,
        written: documentFields, idIsRequired: true, requiredContent: .text, linksAreRequired: false)

    /// BEIR's queries.jsonl.
    public static let beirQuery = RecordLayout(
        fields: [
            .init(role: .id, names: ["_id", "query_id"]), .init(role: .text, names: ["text", "query_text"]),
        ] + queryMedia,
        written: queryFields, idIsRequired: true, requiredContent: .text, linksAreRequired: false)

    /// The same for records that need no id.
    public var withOptionalID: RecordLayout {
        RecordLayout(
            fields: fields, written: written, idIsRequired: false, requiredContent: requiredContent,
            linksAreRequired: linksAreRequired)
    }

    /// The name that messages use for a role.
    func name(of role: FieldRole) -> String {
        fields.first { $0.role == role }.map { "\($0.names[0])" } ?? "\(role)"
    }
}
