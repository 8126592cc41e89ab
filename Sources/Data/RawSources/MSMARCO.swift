internal import Base
public import Ingest
internal import JSON
public import SystemPackage

extension RawSource {
    /// MS MARCO's passage ranking as it is published: columns between tabs, where a quote is a character like others.
    ///
    /// Read are `collection.tsv`, `queries.*.tsv` (and `msmarco-test2019-queries.tsv` and the like), `qrels.*.tsv` (and
    /// `2019qrels-pass.txt` and the like, TREC's deep learning tracks), in folders, packed or not, in tars
    /// (`collectionandqueries.tar.gz`, `queries.tar.gz`) or named by themselves. The queries of all files are joined; one
    /// id with two texts is an error.
    ///
    /// Of a tar its parts are read one after the other, each time from its start.
    ///
    /// - Parameters:
    ///   - positives: splits whose judgements become links as well; nil is `train`, where there is one.
    ///   - triples: `qidpidtriples.*.tsv`: the first different negatives of each query become links.
    public static func msmarco(
        _ sources: [FilePath], positives: [String]? = nil, triples: FilePath? = nil, negativesPerQuery: Int = 32
    ) throws -> RawSource {
        var (collections, queries, others): ([SourceMember], [SourceMember], [SourceMember]) = ([], [], [])
        var judged = JudgedSplits()
        for member in try SourceMember.all(of: sources) {
            let stem = member.stem
            if MSMARCOFiles.columns(ofCollection: stem) != nil {
                collections.append(member)
            } else if MSMARCOFiles.isQueries(stem) {
                queries.append(member)
            } else if let split = MSMARCOFiles.split(ofJudgements: stem) {
                try judged.add(JudgementFile(member.file), split: split)
            } else if member.file.path != triples {
                others.append(member)
            }
        }
        let shown = sources.map(\.string).joined(separator: ", ")
        guard let collection = collections.first, let columns = MSMARCOFiles.columns(ofCollection: collection.stem)
        else {
            throw Failure(
                .missingInput, "there is no collection.tsv in \(shown)",
                advice: "Name the folder with the files of MS MARCO, or collectionandqueries.tar.gz; documents are in "
                    + "msmarco-docs.tsv.")
        }
        guard collections.count == 1 else {
            let paths = collections.map(\.file.path.string).joined(separator: ", ")
            throw Failure(.badData, "there are several collections: \(paths)", advice: "Name one of them.")
        }
        guard !queries.isEmpty else {
            throw Failure(
                .missingInput, "there are no queries in \(shown)",
                advice: "They are called queries.train.tsv and the like.")
        }
        var inputs = [Input(documents: RecordFile(collection.file, columns: columns))]
        inputs += try judged.links(of: positives).map { Input(links: .judgements($0, negativesToo: false)) }
        if let triples {
            inputs.append(Input(links: .triples(StreamFile(triples), negativesPerQuery: negativesPerQuery)))
        }
        inputs += queries.map { Input(queries: RecordFile($0.file, columns: ["query_id", "query_text"])) }
        inputs += judged.inputs
        var options: JSONObject = ["positives": JudgedSplits.recorded(positives)]
        if triples != nil { options["negativesPerQuery"] = JSONValue(negativesPerQuery) }
        var source = RawSource("msmarco", inputs, options: options) { try SourceMember.report(sources, in: &$0) }
        source.warn(unread: others.map(\.file.path))
        return source
    }
}

/// What the files of MS MARCO hold, told by their names in letters of any case.
enum MSMARCOFiles {
    /// The columns of passages (`collection.tsv`) or documents (`msmarco-docs.tsv`); nil for what is none.
    static func columns(ofCollection stem: String) -> [String]? {
        switch stem.lowercased() {
        case "collection.tsv": ["docid", "text"]
        case "msmarco-docs.tsv": ["docid", "url", "title", "text"]
        default: nil
        }
    }

    static func isQueries(_ stem: String) -> Bool {
        let stem = stem.lowercased()
        return stem.hasPrefix("queries.") && stem.hasSuffix(".tsv") || stem.hasSuffix("-queries.tsv")
    }

    /// `dev.small` for `qrels.dev.small.tsv`, `2019qrels-pass` for `2019qrels-pass.txt`, `train` for
    /// `msmarco-doctrain-qrels.tsv`; nil for what is none.
    static func split(ofJudgements stem: String) -> String? {
        let lowered = stem.lowercased()
        guard lowered.hasSuffix(".tsv") || lowered.hasSuffix(".txt") else { return nil }
        let name = String(stem.dropLast(4))
        if lowered.hasPrefix("qrels."), name.count > 6 { return String(name.dropFirst(6)) }
        if lowered.hasPrefix("msmarco-doc"), lowered.dropLast(4).hasSuffix("-qrels"), name.count > 17 {
            return String(name.dropFirst(11).dropLast(6))
        }
        return lowered.contains("qrels-pass") || lowered.contains("qrels-docs") ? name : nil
    }
}
