internal import Archives
internal import Base
internal import Columns
internal import Ingest
internal import JSON
internal import Records
public import SystemPackage

/// Which published layout files have, told by their names and by the fields of their first rows.
public struct SourceGuess {
    /// The subcommand of `tvt-convert` that reads the source, and its arguments.
    public private(set) var arguments: [String]
    /// Files that none of these arguments names.
    public private(set) var unread: [FilePath] = []

    /// A file of the source.
    private struct File {
        let name: String
        /// Nil for a member of an archive.
        let path: FilePath?

        var lastPart: String { name.split(separator: "/").last.map { $0.lowercased() } ?? name.lowercased() }
    }

    /// - Parameter sources: files, archives or folders, as the subcommand takes them.
    /// - Throws: `Failure` with status 64 where none is known to have this layout; `InputError` where a file that is named by itself
    ///   is a `MisplacedFile`.
    public init(_ sources: [FilePath]) throws {
        let paths = sources.map(\.string)
        let files = try Self.files(of: sources)
        func has(_ isWanted: (String) -> Bool) -> Bool { files.contains { isWanted($0.lastPart) } }
        if has({ ["collection.tsv", "collection.tsv.gz", "msmarco-docs.tsv", "msmarco-docs.tsv.gz"].contains($0) }) {
            self.init(arguments: ["msmarco"] + paths)
        } else if has({ $0.hasPrefix("topics.miracl") }) {
            self.init(arguments: ["miracl"] + paths)
        } else if has({ $0.contains("videodatainfo") || $0.hasPrefix("msrvtt_data") }) {
            self.init(arguments: ["msr-vtt"] + paths)
        } else if try files.contains(where: { try Self.isCorpusOfBEIR($0) }) {
            self.init(arguments: ["beir"] + paths)
        } else if has({ $0.hasPrefix("corpus") && SourceFiles.hasEnding($0, ".jsonl") }) {
            self.init("v2", files)
        } else if has({
            $0.hasSuffix(".tar") && ($0.hasPrefix("queries") || $0.hasPrefix("corpus") || $0.hasPrefix("documents"))
        }) {
            self.init(arguments: ["webdataset"] + paths)
        } else if Self.areSamples(files) {
            self.init(arguments: ["webdataset"] + paths)
        } else if let guess = try Self.guess(byFieldsOf: files, paths) {
            self = guess
        } else {
            throw Failure(
                .usage, "\(paths.joined(separator: " ")): no layout is known that looks like this",
                advice: "Name it: `tvt-convert check pixmo …`; `tvt-convert check --help` lists them.")
        }
    }

    private init(arguments: [String]) { self.arguments = arguments }

    /// Whether there is nothing but tars, besides judgements and what is about the data, and the members of those that were
    /// named are parts of samples.
    private static func areSamples(_ files: [File]) -> Bool {
        let isArchive = { (file: File) in FolderFiles.isTar(file.lastPart) }
        guard files.contains(where: isArchive) else { return false }
        return files.filter { !isArchive($0) }.allSatisfy { file in
            if file.path == nil { return isOfSample(file.lastPart) }
            return file.name.hasPrefix("qrels/") || DocumentationFile.isDocumentation(file.name)
        }
    }

    /// Whether a member of a tar is called as one of a sample: `00012.json`, `00012.txt`, `00012.jpg`, `00012.image.jpg`.
    private static func isOfSample(_ name: String) -> Bool {
        let parts = name.split(separator: ".").map(String.init)
        guard (2...3).contains(parts.count), let ending = parts.last else { return false }
        if parts.count == 3 { return MediaKind(rawValue: parts[1]) != nil }
        return ["json", "txt"].contains(ending) || MediaKind(fileEnding: ending) != nil
    }

    private static func files(of sources: [FilePath]) throws -> [File] {
        try sources.flatMap { source -> [File] in
            guard Files.exists(source) else {
                throw Failure(.missingInput, "\(source) does not exist")
            }
            if Files.isDirectory(source) {
                return try SourceTree(source).names.map { File(name: $0, path: source.appending($0)) }
            }
            guard SourceMember.isArchive(source.string) else { return [File(name: source.string, path: source)] }
            // What lies in an archive is told by its names alone.
            return try SourceTree(source).names.map { File(name: $0, path: nil) } + [
                File(name: source.string, path: nil)
            ]
        }
    }

    /// Whether a file is a corpus by its name or its folder, and has BEIR's fields.
    private static func isCorpusOfBEIR(_ file: File) throws -> Bool {
        let folder = file.name.split(separator: "/").dropLast().last?.lowercased()
        guard file.lastPart.hasPrefix("corpus") || folder == "corpus",
            SourceFiles.hasEnding(file.name, ".jsonl", ".json", ".parquet")
        else { return false }
        guard let path = file.path else { return true }
        let fields = try SourceFields.names(of: path)
        return fields.contains("_id") || fields.isSuperset(of: ["id", "text"]) && !fields.contains("docid")
    }

    private static func guess(byFieldsOf files: [File], _ paths: [String]) throws -> SourceGuess? {
        for file in files {
            guard let path = file.path else { continue }
            let fields: Set<String>
            do {
                fields = try SourceFields.names(of: path)
            } catch let error as InputError {
                // Beside others, a file that is no text is nothing strange.
                guard files.count > 1 else { throw error }
                continue
            }
            guard let command = command(readingLike: fields, path) else { continue }
            if command == "v1-to-v2", try refersToCorpus(path) { return SourceGuess("wiki-ss", files) }
            guard command == "tevatron" else { return SourceGuess(arguments: [command] + paths) }
            return SourceGuess(try isWikiSS(files.compactMap(\.path)) ? "wiki-ss" : command, files)
        }
        return nil
    }

    /// By the fields of the first row; nil for files that tell nothing.
    private static func command(readingLike fields: Set<String>, _ path: FilePath) -> String? {
        func has(_ names: String...) -> Bool { names.allSatisfy { fields.contains($0) } }
        if has("image_id", "questions") { return "pixmo" }
        if has("youtube_id", "caption") { return "audiocaps" }
        if has("query", "pos") { return "bge" }
        if has("question", "positive_ctxs") { return "nq" }
        if has("positive_passages") { return "v1-to-v2" }
        if has("corpus-id") || has("corpus_id") || has("query-id") { return "vidore" }
        if has("image", "query") {
            return (path.lastComponent?.string ?? "").hasPrefix("test") ? "vidore" : "colpali"
        }
        return has("query_id") || has("docid") ? "tevatron" : nil
    }

    /// Whether the passages of a table's rows have no texts: they are documents of a corpus.
    private static func refersToCorpus(_ path: FilePath) throws -> Bool {
        guard (try? ParquetFile.isParquet(path)) == true,
            let field = try ParquetFile(path).fields.first(where: { $0.name == "positive_passages" })
        else { return false }
        guard case .list(.structure(let fields)) = field.type else { return true }
        return !fields.contains { $0.name == "text" }
    }

    /// Queries of WikiSS call their text `query`, those of the v2 form `query_text`.
    private static func isWikiSS(_ files: [FilePath]) throws -> Bool {
        for file in files {
            guard let fields = try? SourceFields.names(of: file) else { continue }
            if fields.contains("query_id") { return fields.contains("query") && !fields.contains("query_text") }
        }
        return false
    }

    /// Queries, corpus and judgements by their names.
    private init(_ command: String, _ files: [File]) {
        var unread: [FilePath] = []
        var (queries, corpus, judgements): ([String], [String], [String]) = ([], [], [])
        for file in files {
            guard let path = file.path?.string else { continue }
            let name = file.name.lowercased()
            if name.split(separator: "/").contains(where: { $0.hasPrefix("qrels") }) || file.lastPart.contains("qrels")
            {
                judgements.append(path)
            } else if file.lastPart.hasPrefix("quer") || name.contains("/quer") || name.hasPrefix("quer") {
                queries.append(path)
            } else if SourceFiles.hasEnding(name, ".jsonl", ".ndjson", ".parquet") {
                corpus.append(path)
            } else if !DocumentationFile.isDocumentation(name) {
                unread.append(FilePath(path))
            }
        }
        self.unread = unread
        arguments =
            [command]
            + [("--queries", queries), ("--corpus", corpus), ("--qrels", judgements)].flatMap {
                $1.isEmpty ? [] : [$0] + $1
            }
    }
}
