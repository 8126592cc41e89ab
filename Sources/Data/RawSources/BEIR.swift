internal import Archives
internal import Base
internal import Columns
public import Ingest
internal import JSON
public import SystemPackage

extension RawSource {
    /// A set in the layout of BEIR, as BEIR and MTEB publish it: a corpus, queries and judgements, in a folder or an archive.
    ///
    /// The corpus is `corpus.jsonl`, a numbered file of several, or lies in a folder `corpus`; so do `queries`. Judgements lie in
    /// `qrels`, are called so, or lie elsewhere and begin as judgements do; each file is a split of its name, and so are all parts of
    /// one (`test-00000-of-00002.parquet`). Endings are `.jsonl`, `.json`, `.parquet`, and of judgements `.tsv`, `.txt`, `.csv` as
    /// well, in letters of any case, in a folder packed or not. Of tables a column `id` is read as `_id`.
    ///
    /// - Parameter positives: a split whose judgements above 0 also become the queries' positives.
    public static func beir(_ source: FilePath, positives: String? = nil) throws -> RawSource {
        let files = try BEIRFiles(source)
        var inputs = try files.corpus.map { Input(documents: try $0.records(), layout: .beirDocument) }
        if let positives {
            let links = files.judged.files.filter { $0.split.utf8.elementsEqual(positives.utf8) }
            guard !links.isEmpty else {
                throw Failure(
                    .badData, "\(source) has no split \"\(positives)\"", advice: "Its splits: \(files.judged.names).")
            }
            inputs += links.map { Input(links: .judgements($0.file, negativesToo: false)) }
        }
        inputs += try files.queries.map { Input(queries: try $0.records(), layout: .beirQuery) }
        inputs += files.judged.inputs
        let options: JSONObject = positives.map { ["positives": .string($0)] } ?? [:]
        var beir = RawSource("beir", inputs, options: options) {
            try SourceMember.report([source], areArchives: true, in: &$0)
        }
        beir.warn(unread: files.unread.map(\.file.path))
        if files.judged.files.isEmpty {
            beir.warn(.missingFile, ["judgements of \(source) (qrels/*.tsv)"])
        }
        return beir
    }
}

extension Conversions {
    /// Takes a dataset in the layout of BEIR; see ``RawSource/beir(_:positives:)``.
    public static func beir(
        _ source: FilePath, into destination: any ConversionDestination, reference: String, positives: String? = nil,
        options: IngestOptions = IngestOptions()
    ) throws -> IngestReport {
        try self.source(
            .beir(source, positives: positives), into: destination, reference: reference, options: options)
    }
}

/// What the files of a set in the layout of BEIR hold.
private struct BEIRFiles {
    private(set) var corpus: [SourceMember] = []
    private(set) var queries: [SourceMember] = []
    private(set) var judged = JudgedSplits()
    private(set) var unread: [SourceMember] = []

    init(_ source: FilePath) throws {
        for member in try SourceMember.all(of: [source], areArchives: true) {
            switch try BEIRPart(of: member) {
            case .corpus: corpus.append(member)
            case .queries: queries.append(member)
            case .judgements(let split, let isPart):
                try judged.add(try member.judgements(), split: split, isPart: isPart)
            case nil: unread.append(member)
            }
        }
        try check(corpus, "corpus.jsonl", of: source)
        try check(queries, "queries.jsonl", of: source)
    }

    /// One file, or the parts of one.
    private func check(_ files: [SourceMember], _ name: String, of source: FilePath) throws {
        guard !files.isEmpty else {
            let isArchive = !Files.isDirectory(source)
            throw Failure(
                .missingInput, "\(source) has no \(name)",
                advice: "A BEIR dataset holds corpus.jsonl, queries.jsonl and qrels/*.tsv"
                    + (isArchive ? ", inside an archive not packed once more." : "."))
        }
        let folders = Set(files.map(\.innerFolders))
        let areParts = files.allSatisfy { BEIRPart.isNumbered($0.stem) }
        guard files.count == 1 || folders.count == 1 && areParts else {
            throw Failure(
                .badData, "\(source) has several of \(name): \(files.map(\.name).joined(separator: ", "))",
                advice: "Parts of one file have a number in their names and lie in one folder.")
        }
    }
}

/// What a file in the layout of BEIR holds.
private enum BEIRPart {
    case corpus
    case queries
    case judgements(split: String, isPart: Bool)

    private static let recordEndings: Set<String> = ["jsonl", "ndjson", "json", "parquet"]
    private static let judgementEndings = recordEndings.union(["tsv", "txt", "csv", "qrels", "trec"])

    /// Nil for what none of these can be read from.
    init?(of member: SourceMember) throws {
        let name = member.stem.lowercased()
        let ending = name.lastIndex(of: ".").map { String(name[name.index(after: $0)...]) } ?? ""
        let folder = member.innerFolders.last?.lowercased()
        func isCalled(_ word: String) -> Bool {
            folder == word || name.hasPrefix(word) && ["-", "_", "."].contains(name.dropFirst(word.count).prefix(1))
        }
        guard !DocumentationFile.isDocumentation(name) else { return nil }
        if Self.judgementEndings.contains(ending) {
            let isInQrels = member.innerFolders.contains { $0.lowercased() == "qrels" }
            if isInQrels || isCalled("qrels") {
                self = Self.judgements(member.stem)
                return
            }
        }
        if Self.recordEndings.contains(ending) {
            if isCalled("corpus") {
                self = .corpus
                return
            }
            if isCalled("queries") {
                self = .queries
                return
            }
        }
        guard Self.judgementEndings.contains(ending), try member.beginsAsJudgements() else { return nil }
        self = Self.judgements(member.stem)
    }

    /// Whether the name of a file has a number, as parts of one have: `corpus-1.jsonl`, `test-00000-of-00001.parquet`.
    static func isNumbered(_ name: String) -> Bool { name.prefix { $0 != "." }.contains { $0.isNumber } }

    private static func judgements(_ name: String) -> BEIRPart {
        var split = Conversions.splitName(name)
        let whole = split
        if let part = split.firstMatch(of: /[-_.][0-9]+[-_.]of[-_.][0-9]+$/.ignoresCase()) {
            split.removeSubrange(part.range)
        }
        let isPart = split.count < whole.count
        for word in ["qrels-", "qrels_", "qrels."] where split.lowercased().hasPrefix(word) && split.count > word.count
        {
            split.removeFirst(word.count)
        }
        return .judgements(split: split, isPart: isPart)
    }
}

extension SourceMember {
    private var ending: String { stem.split(separator: ".").last?.lowercased() ?? "" }

    /// The file as records.
    ///
    /// - Throws: `Failure` for a table that is a member of an archive.
    fileprivate func records() throws -> RecordFile {
        guard ending == "parquet" || (!isInArchive && (try? ParquetFile.isParquet(file.path)) == true) else {
            return SourceFiles.records(file)
        }
        guard !isInArchive else {
            throw Failure(
                .badData, "\(file.path): a Parquet file inside of an archive is not read",
                advice: "Unpack the archive, and name the folder.")
        }
        let path = file.path
        return RecordFile(path) { context in
            let names = Set(try ParquetFile(path).fields.map(\.name))
            let hasID = !names.isDisjoint(with: ["_id", "docid", "query_id"])
            return try TableReader(path, renamed: hasID ? [:] : ["id": "_id"], context)
        }
    }

    /// The file as judgements.
    fileprivate func judgements() throws -> JudgementFile {
        switch ending {
        case "parquet", "json", "ndjson": return JudgementFile(rows: try records())
        case "csv":
            let file = file
            return JudgementFile(
                rows: RecordFile(file.path, carriesMedia: false) { DelimitedReader(try file.open(), .csv(), $0) })
        default: return JudgementFile(file)
        }
    }

    /// Whether the first line, or the columns of a table, are those of judgements.
    fileprivate func beginsAsJudgements() throws -> Bool {
        let fields = try SourceFields.names(of: file, isInArchive: isInArchive)
        let hasIDs =
            !fields.isDisjoint(with: ["query-id", "query_id", "qid"])
            && !fields.isDisjoint(with: ["corpus-id", "corpus_id", "docid", "doc_id"])
        return hasIDs && !fields.isDisjoint(with: ["score", "grade", "relevance", "label"])
    }
}
