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
    /// The folders that it lies in, as far as the source tells.
    let folders: [String]

    private static let archives = [".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.xz", ".tar.bz2", ".zip"]
    private static let packings = [".gz", ".zst", ".xz", ".bz2"]

    private init(_ file: StreamFile, isPacked: Bool) {
        self.file = file
        var name = file.path.lastComponent?.string ?? file.path.string
        if isPacked, let packing = Self.packings.first(where: { name.hasSuffix($0) }) {
            name.removeLast(packing.count)
        }
        stem = name
        folders = file.path.components.dropLast().map(\.string)
    }

    /// All files of folders and archives, and those that are named by themselves; a hidden one is none.
    static func all(of sources: [FilePath]) throws -> [SourceMember] {
        try sources.flatMap { source -> [SourceMember] in
            let name = source.lastComponent?.string ?? ""
            let isArchive = !Files.isDirectory(source) && archives.contains { name.hasSuffix($0) }
            guard isArchive || Files.isDirectory(source) else {
                guard Files.exists(source) else {
                    throw Failure(.missingInput, "\(source) does not exist", advice: "Name files, folders or archives.")
                }
                return [SourceMember(StreamFile(source), isPacked: true)]
            }
            let tree = try SourceTree(source)
            return tree.names.filter { !isHidden($0) }.map { name in
                SourceMember(
                    StreamFile(source.appending(name)) { try tree.open(name, hashing: true) }, isPacked: tree.isFolder)
            }
        }
    }

    private static func isHidden(_ name: String) -> Bool { name.split(separator: "/").contains { $0.hasPrefix(".") } }

    /// Adds the archives among the sources to a report: their members are no files that could be named.
    static func report(_ sources: [FilePath], in report: inout IngestReport) throws {
        for source in sources where !Files.isDirectory(source) {
            guard archives.contains(where: { (source.lastComponent?.string ?? "").hasSuffix($0) }) else { continue }
            report.inputs.append(
                .init(path: source.string, size: try Files.size(source), sha256: try .ofFile(source)))
        }
    }

    /// Says which files are not read.
    static func tell(unread members: [SourceMember]) {
        guard !members.isEmpty else { return }
        log.notice("not read: \(members.map(\.file.path.string).joined(separator: ", "))")
    }
}

extension RecordFile {
    /// Lines of columns between tabs, where a quote is a character like others.
    init(_ file: StreamFile, columns: [String]) {
        self.init(file.path, carriesMedia: false) {
            DelimitedReader(try file.open(), .tsv(columns: columns), batchByteCount: $1)
        }
    }
}

/// Judgements of a source, split by split, and those whose judgements become links.
struct JudgedSplits {
    private(set) var files: [(split: String, file: StreamFile)] = []

    /// - Throws: `Failure` where there are two files of one split.
    mutating func add(_ file: StreamFile, split: String) throws {
        if let other = files.first(where: { $0.split.utf8.elementsEqual(split.utf8) }) {
            throw Failure(
                .badData, "\(other.file.path) and \(file.path) would both be the split \"\(split)\"",
                advice: "Name the files that you want.")
        }
        files.append((split, file))
    }

    var names: String { files.isEmpty ? "none" : files.map(\.split).joined(separator: ", ") }

    /// As a manifest tells which splits were asked for.
    static func recorded(_ wanted: [String]?) -> JSONValue {
        guard let wanted else { return "train" }
        return .array(wanted.map { .string($0) })
    }

    /// The files of splits whose judgements become links.
    ///
    /// - Parameter wanted: nil is `train`, where there is one.
    /// - Throws: `Failure` for a split that is not there.
    func links(of wanted: [String]?) throws -> [StreamFile] {
        guard let wanted else {
            if let train = files.first(where: { $0.split == "train" }) { return [train.file] }
            log.notice("no judgements of a split \"train\": the queries get no positives (splits: \(names))")
            return []
        }
        return try wanted.map { split in
            guard let found = files.first(where: { $0.split == split }) else {
                throw Failure(.missingInput, "there is no split \"\(split)\"", advice: "Splits: \(names).")
            }
            return found.file
        }
    }
}
