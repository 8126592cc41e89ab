internal import Archives
internal import Base
internal import JSON
internal import SystemPackage

/// The files of rows behind what a person names: files, folders of them, and what the `datasets` library saves.
enum RowFolders {
    private static let endings = [".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".arrow", ".feather"]
    private static let packings = ["", ".gz", ".zst", ".xz", ".bz2"]

    /// - Parameter split: of a folder that holds several; nil where it holds one.
    /// - Throws: `Failure` where there is nothing to read, or it is not clear which split is meant.
    static func files(of sources: [FilePath], split: String?) throws -> [FilePath] {
        var hasFolder = false
        let found = try sources.flatMap { source -> [FilePath] in
            guard source != "-", Files.isDirectory(source) else { return [source] }
            hasFolder = true
            return try files(inFolder: source, split)
        }
        guard split == nil || hasFolder else {
            throw Failure(.usage, "--split chooses among the splits of a folder, and only files are named")
        }
        return found
    }

    private static func files(inFolder folder: FilePath, _ split: String?) throws -> [FilePath] {
        if Files.exists(folder.appending("dataset_dict.json")) {
            let splits = try json(folder.appending("dataset_dict.json"))["splits"]?.array?.compactMap(\.string) ?? []
            let chosen = try choose(split, among: splits, of: folder)
            return try savedFiles(folder.appending(checkedName(chosen, folder.appending("dataset_dict.json"))))
        }
        if Files.exists(folder.appending("state.json")) {
            guard split == nil else {
                throw Failure(.usage, "--split \(split!): \(folder) is one split", advice: "Leave --split out.")
            }
            return try savedFiles(folder)
        }
        let names = try SourceTree(folder).names.filter(isFileOfRows)
        guard !names.isEmpty else {
            throw Failure(
                .missingInput, "\(folder) holds no file of rows",
                advice: "Rows are in .csv, .tsv, .jsonl, .json, .parquet, .arrow or .feather files. "
                    + "Images, sounds, videos and PDFs are for `tvt-convert corpus`.")
        }
        let splits = names.map { splitName(of: $0) }
        let known = splits.reduce(into: [String]()) { known, name in
            if let name, !known.contains(name) { known.append(name) }
        }
        guard split != nil || known.count > 1 else { return names.map { folder.appending($0) } }
        let chosen = try choose(split, among: known, of: folder)
        return zip(names, splits).filter { $1 == chosen }.map { folder.appending($0.0) }
    }

    /// Whether a file of a folder holds rows, by its name.
    static func isFileOfRows(_ name: String) -> Bool {
        isData(name) && packings.contains { packing in endings.contains { name.lowercased().hasSuffix($0 + packing) } }
    }

    /// The Arrow files of a folder that `save_to_disk` wrote, in their order.
    private static func savedFiles(_ folder: FilePath) throws -> [FilePath] {
        let path = folder.appending("state.json")
        let state = try json(path)
        if let indices = state["_indices_data_files"]?.array, !indices.isEmpty {
            throw Failure(
                .badData, "\(path): rows are chosen by a file of indices, which is not read",
                advice: "Save it again after flatten_indices().")
        }
        let names = (state["_data_files"]?.array ?? []).compactMap { $0["filename"]?.string }
        guard !names.isEmpty else { throw Failure(.badData, "\(path) names no files of data") }
        return try names.map { name in
            let file = folder.appending(try checkedName(name, path))
            guard Files.exists(file) else {
                throw Failure(
                    .missingInput, "\(file) does not exist, and \(path) names it", advice: "Copy the whole folder.")
            }
            return file
        }
    }

    private static func checkedName(_ name: String, _ path: FilePath) throws -> String {
        guard !name.isEmpty, name != ".", name != "..", !name.contains("/"), !name.utf8.contains(0) else {
            throw Failure(.badData, "\(path): \(escaped(Array(name.utf8))) is no name of a file in the folder")
        }
        return name
    }

    private static func choose(_ split: String?, among splits: [String], of folder: FilePath) throws -> String {
        let known = splits.joined(separator: ", ")
        guard let split = split ?? (splits.count == 1 ? splits[0] : nil) else {
            throw Failure(
                .usage, "\(folder) holds the splits \(known)", advice: "Choose one: --split \(splits.first ?? "train")."
            )
        }
        guard splits.contains(split) else {
            throw Failure(
                .missingInput, "\(folder) has no split \"\(split)\"",
                advice: splits.isEmpty ? nil : "It has \(known).")
        }
        return split
    }

    private static func json(_ path: FilePath) throws -> JSONValue {
        try JSONValue.parse(Files.readAll(path), path: path.string)
    }

    /// Hidden files, and those that systems leave behind, are no data; `dataset_info.json` and its like tell of them.
    private static func isData(_ name: String) -> Bool {
        let parts = name.split(separator: "/")
        return !parts.contains { $0.hasPrefix(".") || $0.hasPrefix("_") }
            && !["dataset_info.json", "dataset_infos.json", "state.json", "dataset_dict.json"].contains(
                parts.last ?? "")
    }

    /// `train` for `data/train-00000-of-00002.parquet` and for `train/a.csv`; nil where nothing tells it.
    private static func splitName(of name: String) -> String? {
        for part in name.split(separator: "/").reversed() {
            let words = part.split { !$0.isLetter }
            if let word = words.first(where: { ["train", "validation", "valid", "val", "dev", "test"].contains($0) }) {
                return String(word)
            }
        }
        return nil
    }
}
