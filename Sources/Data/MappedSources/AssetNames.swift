internal import Base
internal import Ingest
internal import JSON
internal import Records
internal import SystemPackage

/// How many of a column's first texts are names of files in the folder of `--assets`.
struct AssetNames {
    private struct Count {
        var texts = 0
        var files: [MediaKind: Int] = [:]
    }

    /// By the fields of objects that the texts stand in; none of texts that are the values themselves.
    private var counts: [[String]: Count] = [:]

    /// So many texts of a field are looked at: each takes a look into the folder.
    private static let textCount = 50
    private static let longestName = 4096
    private static let depth = 4

    /// Takes in the value of a row.
    mutating func look(at value: JSONNode, in folder: AssetFolder, fields: [String] = []) {
        switch value.kind {
        case .array:
            for element in value.elements.prefix(Self.textCount) { look(at: element, in: folder, fields: fields) }
        case .object where fields.count < Self.depth:
            for (key, value) in value.fields {
                look(at: value, in: folder, fields: fields + [String(decoding: key, as: UTF8.self)])
            }
        case .string:
            guard let text = value.string, !text.isEmpty, counts[fields]?.texts ?? 0 < Self.textCount else { return }
            counts[fields, default: Count()].texts += 1
            guard text.count <= Self.longestName else { return }
            if let kind = folder.kind(ofFileNamed: String(decoding: text, as: UTF8.self)) {
                counts[fields]?.files[kind, default: 0] += 1
            }
        default: return
        }
    }

    mutating func merge(_ other: AssetNames) {
        for (fields, count) in other.counts {
            counts[fields, default: Count()].texts += count.texts
            counts[fields]?.files.merge(count.files) { $0 + $1 }
        }
    }

    /// What most of the texts under these fields name; nil where most name no file.
    func kind(_ fields: [String]) -> MediaKind? {
        guard let count = counts[fields] else { return nil }
        return MediaKind.allCases.first { 2 * (count.files[$0] ?? 0) > count.texts }
    }
}

extension AssetFolder {
    /// What a file of this name holds, by its ending or else its first bytes; nil where there is none.
    fileprivate func kind(ofFileNamed name: String) -> MediaKind? {
        guard !Self.hasScheme(name), let path = Self.path(of: name, in: root), Files.exists(path),
            !Files.isDirectory(path), !Files.isStream(path)
        else { return nil }
        if let kind = path.extension.flatMap({ MediaKind(fileEnding: $0) }) { return kind }
        guard let file = try? InputFile(path), let bytes = try? file.read(0..<min(file.byteCount, 64)) else {
            return nil
        }
        return bytes.withUnsafeBytes { MediaHeader($0).format?.kind }
    }
}

extension ColumnSummary {
    /// What the files are that the texts under some fields name, or those of structures of `bytes` and `path`; nil where
    /// most name none.
    func assetKind(_ fields: [String] = []) -> MediaKind? {
        if case .object(let own)? = kind.field(fields[...]), Self.isStructureOfBytes(own.map(\.name)) {
            return assetNames.kind(fields + ["path"])
        }
        return assetNames.kind(fields)
    }

    /// Whether these are the fields by which the library `datasets` writes an item of media.
    static func isStructureOfBytes(_ fields: [String]) -> Bool {
        fields.contains("path") && fields.allSatisfy { ["bytes", "path"].contains($0) }
    }
}

extension KnownColumns {
    /// The same columns, of which some hold media: those that were said to, and those whose texts name files.
    ///
    /// - Parameter isLeft: whether a column stays what it is because of its name.
    func holdingFiles(_ declared: [String: MediaKind], except isLeft: (ColumnSummary) -> Bool) -> KnownColumns {
        KnownColumns(
            map { column in
                var column = column
                if let kind = declared[column.name] ?? (isLeft(column) ? nil : column.assetKind()) {
                    column.kind = .media(kind)
                }
                return column
            })
    }
}

extension KnownColumns {
    /// Checks that texts are none that name files of `--assets`: they would become texts, and nobody would know.
    ///
    /// - Parameter option: that takes them as texts.
    /// - Throws: `Failure` with status 64.
    func checkAssets(_ path: ColumnPath, option: String, in assets: AssetFolder?) throws {
        guard let assets, let kind = named(path.column)?.assetKind(path.fields) else { return }
        throw Failure(
            .usage, "--\(option) \(path.name): its texts are names of files in \(assets.root), and would stay texts",
            advice: "--\(kind.rawValue) \(path.name) takes the files. Without --assets names are texts like others.")
    }
}
