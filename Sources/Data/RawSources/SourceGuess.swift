internal import Archives
internal import Base
internal import Columns
internal import Ingest
internal import JSON
public import SystemPackage

/// Which published layout files have, told by their names and by the fields of their first rows.
public enum SourceGuess {
    /// The subcommand of `tvt-convert` that reads a source, and its arguments.
    ///
    /// - Parameter sources: files, archives or folders, as the subcommand takes them.
    /// - Throws: `Failure` with status 64 where none is known to have this layout.
    public static func arguments(for sources: [FilePath]) throws -> [String] {
        let paths = sources.map(\.string)
        let files = try sources.flatMap { source -> [(name: String, path: FilePath?)] in
            guard Files.exists(source) else {
                throw Failure(.missingInput, "\(source) does not exist")
            }
            if Files.isDirectory(source) {
                return try SourceTree(source).names.map { ($0, source.appending($0)) }
            }
            guard isArchive(source) else { return [(source.string, source)] }
            // What lies in an archive is told by its names alone.
            return try SourceTree(source).names.map { ($0, nil) } + [(source.string, nil)]
        }
        func has(_ isWanted: (String) -> Bool) -> Bool { files.contains { isWanted(lastPart($0.name)) } }
        if has({ $0 == "collection.tsv" || $0 == "collection.tsv.gz" }) { return ["msmarco"] + paths }
        if has({ $0.hasPrefix("topics.miracl") }) { return ["miracl"] + paths }
        if has({ $0.contains("videodatainfo") || $0.hasPrefix("MSRVTT_data") }) { return ["msr-vtt"] + paths }
        if let corpus = files.first(where: { isNamed($0.name, "corpus.jsonl") }) {
            guard let path = corpus.path else { return ["beir"] + paths }
            if try fields(of: path).contains("_id") { return ["beir"] + paths }
            return ["v2"] + parts(files.compactMap(\.path))
        }
        if has({
            $0.hasSuffix(".tar") && ($0.hasPrefix("queries") || $0.hasPrefix("corpus") || $0.hasPrefix("documents"))
        }) {
            return ["webdataset"] + paths
        }
        for file in files {
            guard let path = file.path, let name = try command(readingLike: path) else { continue }
            let parts = parts(files.compactMap(\.path))
            // Rows of v1 are JSON Lines; in Parquet and beside a corpus they only refer to it.
            if name == "v1-to-v2", parts.contains("--corpus"), try ParquetFile.isParquet(path) {
                return ["wiki-ss"] + parts
            }
            guard name == "tevatron" else { return [name] + paths }
            return [try isWikiSS(files.compactMap(\.path)) ? "wiki-ss" : name] + parts
        }
        throw Failure(
            .usage, "\(paths.joined(separator: " ")): no layout is known that looks like this",
            advice: "Name it: `tvt-convert check pixmo …`; `tvt-convert check --help` lists them.")
    }

    /// By the fields of the first row; nil for files that tell nothing.
    private static func command(readingLike path: FilePath) throws -> String? {
        let fields = try fields(of: path)
        func has(_ names: String...) -> Bool { names.allSatisfy { fields.contains($0) } }
        if has("image_id", "questions") { return "pixmo" }
        if has("youtube_id", "caption") { return "audiocaps" }
        if has("query", "pos") { return "bge" }
        if has("question", "positive_ctxs") { return "nq" }
        if has("positive_passages") { return "v1-to-v2" }
        if has("corpus-id") || has("corpus_id") || has("query-id") { return "vidore" }
        if has("image", "query") {
            return lastPart(path.string).hasPrefix("test") ? "vidore" : "colpali"
        }
        return has("query_id") || has("docid") ? "tevatron" : nil
    }

    /// Queries of WikiSS call their text `query`, those of the v2 form `query_text`.
    private static func isWikiSS(_ files: [FilePath]) throws -> Bool {
        for file in files {
            let fields = try fields(of: file)
            if fields.contains("query_id") { return fields.contains("query") && !fields.contains("query_text") }
        }
        return false
    }

    /// The names of the first row's fields; none where the file is no file of rows.
    private static func fields(of path: FilePath) throws -> Set<String> {
        if try ParquetFile.isParquet(path) { return Set(try ParquetFile(path).fields.map(\.name)) }
        let stream = try InputStream(path)
        var head = [UInt8](repeating: 0, count: 1 << 20)
        var count = 0
        try head.withUnsafeMutableBytes { buffer in
            while count < buffer.count {
                let read = try stream.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...]))
                if read == 0 { break }
                count += read
            }
        }
        let text = head[..<count]
        if text.first(where: { $0 > 0x20 }) == UInt8(ascii: "[") {
            // An array of rows: keys are looked for in its beginning.
            return ["question", "positive_ctxs"].allSatisfy { contains(text, "\"\($0)\"") }
                ? ["question", "positive_ctxs"] : []
        }
        let line = text.prefix { $0 != 0x0A }
        let parser = JSONParser()
        defer { withExtendedLifetime(parser) {} }
        if let root = Array(line).withUnsafeBytes({ try? parser.parse($0) }) {
            return Set(root.fields.map { String(decoding: $0.key, as: UTF8.self) })
        }
        let separators: [UInt8] = [0x2C, 0x09, 0x0D]
        return Set(line.split { separators.contains($0) }.map { String(decoding: $0, as: UTF8.self) })
    }

    private static func contains(_ text: ArraySlice<UInt8>, _ part: String) -> Bool {
        text.withUnsafeBytes { bytes in
            Array(part.utf8).withUnsafeBytes { memmem(bytes, $0) }
        }
    }

    private static func memmem(_ text: UnsafeRawBufferPointer, _ part: UnsafeRawBufferPointer) -> Bool {
        guard let first = part.first, text.count >= part.count else { return false }
        return (0...(text.count - part.count)).contains { start in
            text[start] == first && text[start..<start + part.count].elementsEqual(part)
        }
    }

    /// Queries, corpus and judgements by their names.
    private static func parts(_ files: [FilePath]) -> [String] {
        var (queries, corpus, judgements): ([String], [String], [String]) = ([], [], [])
        for file in files {
            let name = file.string
            if name.contains("qrels") {
                judgements.append(name)
            } else if lastPart(name).hasPrefix("quer") || name.contains("/quer") {
                queries.append(name)
            } else if name.contains(".jsonl") || name.hasSuffix(".parquet") {
                corpus.append(name)
            }
        }
        return [("--queries", queries), ("--corpus", corpus), ("--qrels", judgements)]
            .flatMap { $1.isEmpty ? [] : [$0] + $1 }
    }

    private static func isArchive(_ path: FilePath) -> Bool {
        [".zip", ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.xz"].contains { path.string.hasSuffix($0) }
    }

    private static func lastPart(_ name: String) -> String { name.split(separator: "/").last.map(String.init) ?? name }

    private static func isNamed(_ name: String, _ stem: String) -> Bool {
        SourceFiles.packings.contains { lastPart(name) == stem + $0 }
    }
}
