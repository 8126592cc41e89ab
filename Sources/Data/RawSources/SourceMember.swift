internal import Archives
internal import Base
internal import Ingest
internal import JSON
internal import SystemPackage

/// A file of a source that has several of different kinds: in a folder, in an archive, or named by itself.
struct SourceMember {
    let file: StreamFile
    /// Its name without folders and without the ending of what packs it.
    let stem: String
    /// Its path in the source: of a file that is named by itself, its name.
    let name: String
    /// The folders that it lies in, as far as the source tells.
    let folders: [String]
    /// Those of them that are within the source.
    var innerFolders: [String] { name.split(separator: "/").dropLast().map(String.init) }

    /// Whether it is a member of an archive, and no file of its own.
    let isInArchive: Bool

    private static let archives = [".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.xz", ".tar.bz2", ".zip"]
    private static let packings = [".gz", ".zst", ".xz", ".bz2"]

    private init(_ file: StreamFile, name inner: String, isInArchive: Bool) {
        self.file = file
        self.isInArchive = isInArchive
        self.name = inner
        var name = file.path.lastComponent?.string ?? file.path.string
        // What an archive holds is unpacked once, not twice.
        let lowered = name.lowercased()
        if !isInArchive, let packing = Self.packings.first(where: { lowered.hasSuffix($0) }) {
            name.removeLast(packing.count)
        }
        stem = name
        folders = file.path.components.dropLast().map(\.string)
    }

    /// Whether the name of a file is that of an archive.
    static func isArchive(_ name: String) -> Bool {
        let name = name.lowercased()
        return archives.contains { name.hasSuffix($0) }
    }

    /// All files of folders and archives, and those that are named by themselves; a hidden one is none.
    ///
    /// - Parameter areArchives: whether all that is no folder is an archive, whatever it is called.
    static func all(of sources: [FilePath], areArchives: Bool = false) throws -> [SourceMember] {
        try sources.flatMap { source -> [SourceMember] in
            let isArchive = !Files.isDirectory(source) && (areArchives || isArchive(source.string))
            guard isArchive || Files.isDirectory(source) else {
                guard Files.exists(source) else {
                    throw Failure(.missingInput, "\(source) does not exist", advice: "Name files, folders or archives.")
                }
                return [SourceMember(StreamFile(source), name: source.lastComponent?.string ?? "", isInArchive: false)]
            }
            let tree = try SourceTree(source)
            return tree.names.map { name in
                SourceMember(
                    StreamFile(source.appending(name)) { try tree.open(name, hashing: true) }, name: name,
                    isInArchive: !tree.isFolder)
            }
        }
    }

    /// Adds the archives among the sources to a report: their members are no files that could be named.
    static func report(_ sources: [FilePath], areArchives: Bool = false, in report: inout IngestReport) throws {
        for source in sources where !Files.isDirectory(source) && (areArchives || isArchive(source.string)) {
            report.inputs.append(
                .init(path: source.string, size: try Files.size(source), sha256: try .ofFile(source)))
        }
    }
}

extension RecordFile {
    /// Lines of columns between tabs, where a quote is a character like others.
    ///
    /// - Parameter constants: fields that each row gets besides.
    init(_ file: StreamFile, columns: [String], constants: [(name: String, value: String)] = []) {
        self.init(file.path, carriesMedia: false) {
            DelimitedReader(try file.open(), .tsv(columns: columns), constants: constants, $0)
        }
    }
}

/// Judgements of a source, split by split, and those whose judgements become links.
struct JudgedSplits {
    private(set) var files: [(split: String, file: JudgementFile)] = []

    /// - Parameter isPart: whether there may be others of the split.
    /// - Throws: `Failure` where there are two files of one split.
    mutating func add(_ file: JudgementFile, split: String, isPart: Bool = false) throws {
        if !isPart, let other = files.first(where: { $0.split.utf8.elementsEqual(split.utf8) }) {
            throw Failure(
                .badData, "\(other.file.path) and \(file.path) would both be the split \"\(split)\"",
                advice: "Name the files that you want.")
        }
        files.append((split, file))
    }

    var names: String {
        var names: [String] = []
        for file in files where !names.contains(file.split) { names.append(file.split) }
        return names.isEmpty ? "none" : names.joined(separator: ", ")
    }

    /// The judgements themselves.
    var inputs: [RawSource.Input] { files.map { .init(judgements: $0.file, split: $0.split) } }

    /// As a manifest tells which splits were asked for.
    static func recorded(_ wanted: [String]?) -> JSONValue {
        guard let wanted else { return "train" }
        return .array(wanted.map { .string($0) })
    }

    /// The files of splits whose judgements become links.
    ///
    /// - Parameter wanted: nil is `train`, where there is one.
    /// - Throws: `Failure` for a split that is not there.
    func links(of wanted: [String]?) throws -> [JudgementFile] {
        func found(_ split: String) -> [JudgementFile] {
            files.filter { $0.split.utf8.elementsEqual(split.utf8) }.map(\.file)
        }
        guard let wanted else {
            let train = found("train")
            guard train.isEmpty else { return train }
            log.notice("no judgements of a split \"train\": the queries get no positives (splits: \(names))")
            return []
        }
        return try wanted.flatMap { split in
            let files = found(split)
            guard !files.isEmpty else {
                throw Failure(.missingInput, "there is no split \"\(split)\"", advice: "Splits: \(names).")
            }
            return files
        }
    }
}
