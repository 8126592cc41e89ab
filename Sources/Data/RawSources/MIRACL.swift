internal import Base
public import Ingest
internal import JSON
public import SystemPackage

extension RawSource {
    /// MIRACL, one language of it: passages of Wikipedia, topics and judgements.
    ///
    /// Read are `miracl-corpus-v1.0-<language>/docs-*.jsonl` (`docid`, `title`, `text`) and, of
    /// `miracl-v1.0-<language>/`, `topics/topics.miracl-v1.0-<language>-<split>.tsv` and
    /// `qrels/qrels.miracl-v1.0-<language>-<split>.tsv`, packed or not, in folders and archives. Queries of a split without
    /// judgements (`test-a`) keep its name as `split`.
    ///
    /// - Parameters:
    ///   - language: needed where there are several.
    ///   - positives: splits whose judgements become links as well; nil is `train`, where there is one.
    ///   - negativesFromJudgements: whether passages of those splits that were judged not to answer become negatives.
    public static func miracl(
        _ sources: [FilePath], language: String? = nil, positives: [String]? = nil, negativesFromJudgements: Bool = true
    ) throws -> RawSource {
        let members = try SourceMember.all(of: sources)
        let files = members.map { ($0, MIRACLFile($0)) }
        let language = try MIRACLFile.language(language, of: files.compactMap(\.1))
        var corpus: [SourceMember] = []
        var topics: [(member: SourceMember, split: String)] = []
        var judged = JudgedSplits()
        for case (let member, let file?) in files where file.language == language {
            switch file.kind {
            case .passages: corpus.append(member)
            case .topics(let split): topics.append((member, split))
            case .judgements(let split): try judged.add(JudgementFile(member.file), split: split)
            }
        }
        for (isThere, what) in [
            (!corpus.isEmpty, "miracl-corpus-v1.0-\(language)/docs-*.jsonl"), (!topics.isEmpty, "topics.*.tsv"),
        ] where !isThere {
            throw Failure(
                .missingInput, "there is no \(what) for \"\(language)\"",
                advice:
                    "Name the folder that holds miracl-corpus-v1.0-\(language) and miracl-v1.0-\(language), or both.")
        }
        var inputs = corpus.map { Input(documents: RecordFile(lines: $0.file)) }
        inputs += try judged.links(of: positives).map {
            Input(links: .judgements($0, negativesToo: negativesFromJudgements))
        }
        inputs += topics.map { member, split in
            // Nothing else would tell the queries of a test without judgements from the others.
            let isJudged = judged.files.contains { $0.split.utf8.elementsEqual(split.utf8) }
            return Input(
                queries: RecordFile(
                    member.file, columns: ["query_id", "query_text"], constants: isJudged ? [] : [("split", split)]))
        }
        inputs += judged.inputs
        var source = RawSource(
            "miracl", inputs,
            options: [
                "language": .string(language), "positives": JudgedSplits.recorded(positives),
                "negativesFromJudgements": .bool(negativesFromJudgements),
            ]
        ) { try SourceMember.report(sources, in: &$0) }
        source.warn(unread: files.filter { $0.1 == nil }.map(\.0.file.path))
        return source
    }
}

/// What a file of MIRACL is, as its name and its folder tell.
struct MIRACLFile {
    enum Kind {
        case passages
        case topics(split: String)
        case judgements(split: String)
    }

    let kind: Kind
    let language: String

    /// Nil for a file that is none.
    init?(_ member: SourceMember) {
        let lowered = member.stem.lowercased()
        if lowered.hasPrefix("docs-"), lowered.hasSuffix(".jsonl"),
            let folder = member.folders.last(where: { $0.hasPrefix("miracl-corpus-v") }),
            let language = folder.split(separator: "-", maxSplits: 3).last, folder.split(separator: "-").count > 3
        {
            kind = .passages
            self.language = String(language)
            return
        }
        // topics.miracl, v1.0, language, split
        let parts = member.stem.split(separator: "-", maxSplits: 3).map(String.init)
        guard parts.count == 4, parts[1].hasPrefix("v"), parts[3].lowercased().hasSuffix(".tsv"), parts[3].count > 4
        else { return nil }
        let split = String(parts[3].dropLast(4))
        switch parts[0] {
        case "topics.miracl": kind = .topics(split: split)
        case "qrels.miracl": kind = .judgements(split: split)
        default: return nil
        }
        language = parts[2]
    }

    /// The language to take.
    ///
    /// - Throws: `Failure` where it is not there, or is not said and there are several.
    static func language(_ wanted: String?, of files: [MIRACLFile]) throws -> String {
        let languages = Set(files.map(\.language)).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        guard let first = languages.first else {
            throw Failure(
                .missingInput, "there are no files of MIRACL",
                advice: "Name the folder that holds miracl-corpus-v1.0-<language> and miracl-v1.0-<language>.")
        }
        if let wanted {
            guard languages.contains(wanted) else {
                throw Failure(
                    .missingInput, "there is no language \"\(wanted)\"",
                    advice: "There are: \(languages.joined(separator: ", ")).")
            }
            return wanted
        }
        guard languages.count == 1 else {
            throw Failure(
                .usage, "there are several languages: \(languages.joined(separator: ", "))",
                advice: "One language is one dataset: choose it with --language.")
        }
        return first
    }
}
