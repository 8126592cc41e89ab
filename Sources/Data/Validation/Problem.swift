/// What is wrong with a source, by its consequence.
public enum ProblemKind: String, Sendable, CaseIterable {
    /// A file that cannot be read on.
    case unreadable = "unreadable file"
    /// A record that is none.
    case badRecord = "bad record"
    /// An id that stands for two records.
    case duplicateID = "duplicate id"
    /// A link or a judgement about something that is not there.
    case danglingReference = "dangling reference"
    /// An image, a video or a sound that is not there, or cannot be used.
    case badMedia = "missing or broken media"
    /// A field that some files have and others have not, or that has values of several types.
    case schema = "schema difference"
    /// A record with nothing to read in text and title.
    case emptyText = "empty text"
    /// Characters that tell of a wrong encoding.
    case doubtfulText = "doubtful encoding"
    /// A file in a folder or an archive that the conversion has no use for.
    case unreadFile = "file that is not read"
    /// A file whose name others tell of.
    case missingPart = "missing part"
    /// A column of a table that records have no place for.
    case leftOutColumn = "column left out"
    /// A part of a set that is usually there.
    case missingFile = "nothing found"
    /// References to images, videos and sounds that the store would not get.
    case outsideMedia = "media outside of the store"
    /// A folder of files of which none is taken.
    case unusedAssets = "--assets takes nothing"

    /// Whether a conversion would stop there.
    public var isError: Bool {
        switch self {
        case .unreadable, .badRecord, .duplicateID, .danglingReference, .badMedia: true
        case .schema, .emptyText, .doubtfulText, .unreadFile, .missingPart, .leftOutColumn, .missingFile, .outsideMedia,
            .unusedAssets:
            false
        }
    }
}

/// One thing that is wrong, where, and what to do about it.
public struct Problem: Sendable {
    public var kind: ProblemKind
    public var message: String
}
