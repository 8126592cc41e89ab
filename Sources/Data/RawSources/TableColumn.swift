internal import Base
package import Columns
internal import Records
internal import SystemPackage

/// What becomes of a column of a table.
enum TableColumn {
    /// A field of the record.
    case value(ValueForm)
    /// Nothing: binary values, which a record has no place for.
    case leftOut
    /// An image, a video or a sound.
    case item(ItemColumn)

    /// A column of items: bytes, structures of `bytes` and `path`, or texts that refer to files.
    struct ItemColumn {
        enum Place {
            case column
            case field(String)

            var field: String? {
                if case .field(let name) = self { name } else { nil }
            }
        }

        let kind: MediaKind
        let bytes: Place?
        let path: Place?
        /// Rows with bytes, or with a file that its name leads to; and the first row whose name leads nowhere.
        var foundCount = 0
        var firstUnfoundRow: Int?
    }

    private static let media: [String: MediaKind] = [
        "image": .image, "document_image": .image, "query_image": .image, "video": .video, "document_video": .video,
        "query_video": .video, "audio": .audio, "document_audio": .audio, "query_audio": .audio,
    ]

    /// Columns whose values are ids: whole numbers among them are texts in a record.
    private static let ids: Set<String> = [
        "docid", "query_id", "_id", "positive_document_ids", "negative_document_ids",
    ]
    /// Columns of passages, which have an id each.
    private static let passages: Set<String> = ["positive_passages", "negative_passages"]

    /// - Parameter name: of the field that the column becomes.
    /// - Throws: `InputError` for a column of media with values of another kind.
    init(_ field: ColumnField, as name: String, of path: FilePath) throws {
        if let kind = Self.media[name] {
            self = .item(try Self.item(kind, field, of: path))
        } else if field.type.holdsBytes {
            self = .leftOut
        } else {
            self = .value(
                Self.ids.contains(name) ? .ids : Self.passages.contains(name) ? .records(id: "docid") : .plain)
        }
    }

    /// - Parameter kind: of its items; nil for a column of other values.
    /// - Throws: `InputError` for a column of media with values of another kind.
    init(_ field: ColumnField, kind: MediaKind?, of path: FilePath) throws {
        if let kind {
            self = .item(try Self.item(kind, field, of: path))
        } else {
            self = field.type.holdsBytes ? .leftOut : .value(.plain)
        }
    }

    private static func item(_ kind: MediaKind, _ field: ColumnField, of path: FilePath) throws -> ItemColumn {
        switch field.type {
        case .bytes: return ItemColumn(kind: kind, bytes: .column, path: nil)
        case .structure(let fields):
            let isPlain = fields.allSatisfy {
                $0.name == "bytes" && ($0.type == .bytes || $0.type == .null)
                    || $0.name == "path" && ($0.type == .text || $0.type == .null)
            }
            func place(_ name: String) -> ItemColumn.Place? { fields.contains { $0.name == name } ? .field(name) : nil }
            if isPlain, let bytes = place("bytes") { return ItemColumn(kind: kind, bytes: bytes, path: place("path")) }
        case .text, .null: return ItemColumn(kind: kind, bytes: nil, path: .column)
        default: break
        }
        throw InputError(
            "its type is none of an image, a video or a sound", at: Place(path: path.string, field: field.name),
            advice: "It holds bytes, or structures of bytes and path, or texts that refer to files.")
    }

    /// The usual form of a UUID: `123e4567-e89b-12d3-a456-426614174000`.
    ///
    /// - Parameter bytes: 16.
    static func uuid(_ bytes: UnsafeRawBufferPointer) -> String {
        var text = ""
        for (index, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(index) { text += "-" }
            if byte < 16 { text += "0" }
            text += String(byte, radix: 16)
        }
        return text
    }
}

extension ColumnType {
    /// Whether there are binary values anywhere in it, other than of 16 bytes, which are written as UUIDs are.
    package var holdsBytes: Bool {
        switch self {
        case .bytes: true
        case .fixedBytes(let count): count != 16
        case .list(let element), .fixedList(let element, _): element.holdsBytes
        case .map(let key, let value): key.holdsBytes || value.holdsBytes
        case .structure(let fields): fields.contains { $0.type.holdsBytes }
        default: false
        }
    }
}
