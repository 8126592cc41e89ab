internal import Archives

/// What is to be said of a source besides the faults of its records; nothing of it stops a conversion.
public enum SourceWarning: String, Sendable, CaseIterable {
    /// A file in a folder or an archive that the conversion has no use for.
    case unreadFile = "not read"
    /// A file whose name others tell of, as `train-00001-of-00002.parquet` beside `train-00000-of-00002.parquet`.
    case missingPart = "parts that are missing"
    /// A column of a table that records have no place for.
    case leftOutColumn = "columns left out"
    /// A part of a set that is usually there, such as its judgements.
    case missingFile = "nothing found"
    /// References to images, videos and sounds that the store does not get.
    case outsideMedia = "media that stay outside of the store"
    /// A folder of files of which none is taken.
    case unusedAssets = "--assets takes nothing"
}

/// Files of a folder that are about the data, and that nobody expects to be read.
package enum DocumentationFile {
    private static let stems: Set<String> = [
        "readme", "license", "licence", "copying", "notice", "citation", "changelog", "dataset_infos", "dataset_info",
        "dataset_dict",
    ]

    /// - Parameter path: of the file, with or without the folders that it lies in.
    package static func isDocumentation(_ path: String) -> Bool {
        let name = (path.split(separator: "/").last ?? "").lowercased()
        return name.hasSuffix(".md") || stems.contains(String(name.prefix { $0 != "." }))
    }
}
