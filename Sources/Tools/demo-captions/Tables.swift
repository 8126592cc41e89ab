internal import Base
internal import JSON
internal import SystemPackage

/// The tables of each side, for `tvt-convert v2`.
///
/// - `corpus.jsonl`, `queries.jsonl`: items, and captions that find them;
/// - `queries-<language>.jsonl`: captions in other languages;
/// - `reversed/`: captions as documents, and items as queries;
/// - of sides that are held out, `qrels/` with a file a split: `first` has each item's first caption, `new` those of them
///   that no caption of the train side is equal to, `more` the other captions, and each other language has its own;
/// - `baseline/`: the same numbers of queries and candidates with a text in the place of each item.
struct Tables {
    /// `image` or `audio`.
    let medium: String
    let languages: [String]
    let otherLanguages: [String]
    let folder: FilePath

    func write(_ items: [CaptionedItem], _ sides: Sides, _ tally: inout Tally) throws {
        let members = Dictionary(
            uniqueKeysWithValues: sides.members.map { ($0, $1.map { items[$0] }.sorted { $0.id < $1.id }) })
        let trained = Set(members[.train]!.flatMap { $0.captions.map(\.text.letters) })
        for name in Sides.Name.allCases {
            let side = CaptionedSide(items: members[name]!)
            let folder = folder.appending(name.rawValue)
            try Files.makeDirectory(folder)
            var counts: [(String, JSONValue)] = [("items", JSONValue(side.items.count))]
            try write(side.items.map(document), folder, "corpus")
            let main = side.queries(languages)
            var queries = main
            if name == .train {
                try write(main.map { query($0, trained: true) }, folder, "queries")
                for language in otherLanguages {
                    let other = side.queries([language])
                    try write(other.map { query($0, trained: true) }, folder, "queries-" + language)
                    counts.append(("queries-" + language, JSONValue(other.count)))
                }
            } else {
                let first = side.queries(languages, .first)
                var splits = [
                    ("first", first), ("new", first.filter { !trained.contains($0.text.letters) }),
                    ("more", side.queries(languages, .more)),
                ]
                for language in otherLanguages {
                    splits.append((language, side.queries([language])))
                    queries += side.queries([language])
                }
                try write(queries.map { query($0, trained: false) }, folder, "queries")
                for (split, queries) in splits where !queries.isEmpty {
                    try judge(queries, folder.appending("qrels"), split)
                    counts.append((split, JSONValue(queries.count)))
                }
                counts.append(("baseline", JSONValue(try writeBaseline(side, folder.appending("baseline")))))
            }
            counts.insert(("queries", JSONValue(queries.count)), at: 1)
            try writeReversed(side, folder.appending("reversed"), isTrained: name == .train)
            tally.sides.append((name.rawValue, .object(JSONObject(counts))))
        }
    }

    private func document(_ item: CaptionedItem) -> JSONValue {
        .object(
            JSONObject([
                ("docid", .string(item.id)), ("document_" + medium, .string(item.media)),
                ("captions", .array(item.captions.map { .string($0.text) })),
            ]))
    }

    private func query(_ query: CaptionedSide.Query, trained: Bool) -> JSONValue {
        var fields: [(String, JSONValue)] = [
            ("query_id", .string(query.id)), ("query_text", .string(query.text)),
            ("language", .string(query.language)),
        ]
        if trained { fields.append(("positive_document_ids", .array(query.answers.map { .string($0) }))) }
        return .object(JSONObject(fields))
    }

    /// Captions are documents; the first of each item is among the candidates.
    private func writeReversed(_ side: CaptionedSide, _ folder: FilePath, isTrained: Bool) throws {
        let texts = side.queries(languages, isTrained ? .all : .first)
        let documents = texts.map { ["docid": .string($0.id), "document_text": .string($0.text)] as JSONValue }
        var answers: [String: [String]] = [:]
        for text in texts { for item in text.answers { answers[item, default: []].append(text.id) } }
        let asked = side.items.filter { answers[$0.id] != nil }
        let queries = asked.map { item in
            var fields: [(String, JSONValue)] = [
                ("query_id", .string(item.id)), ("query_" + medium, .string(item.media)),
            ]
            if isTrained {
                fields.append(("positive_document_ids", .array(answers[item.id]!.map { .string($0) })))
            }
            return JSONValue.object(JSONObject(fields))
        }
        try Files.makeDirectory(folder)
        try write(documents, folder, "corpus")
        try write(queries, folder, "queries")
        if !isTrained {
            let pairs = asked.flatMap { item in answers[item.id]!.map { (item.id, $0) } }
            try judge(pairs, folder.appending("qrels"), "first")
        }
    }

    /// A text stands for each item: its second caption, else the second half of its only one, which is then asked for by
    /// the first half. Captions too short for that are candidates that nobody asks for.
    ///
    /// - Returns: the number of queries.
    private func writeBaseline(_ side: CaptionedSide, _ folder: FilePath) throws -> Int {
        var documents: [JSONValue] = []
        var queries: [JSONValue] = []
        var pairs: [(String, String)] = []
        for item in side.items {
            let captions = languages.flatMap { item.captions(in: $0) }
            guard let first = captions.first else { continue }
            var (asked, text): (String?, String) = (nil, first)
            let words = first.split(separator: " ")
            if captions.count > 1 {
                (asked, text) = (first, captions[1])
            } else if words.count >= 4 {
                asked = words[..<((words.count + 1) / 2)].joined(separator: " ")
                text = words[((words.count + 1) / 2)...].joined(separator: " ")
            }
            documents.append(["docid": .string(item.id), "document_text": .string(text)])
            guard let asked else { continue }
            queries.append(["query_id": .string("asks:" + item.id), "query_text": .string(asked)])
            pairs.append(("asks:" + item.id, item.id))
        }
        try Files.makeDirectory(folder)
        try write(documents, folder, "corpus")
        try write(queries, folder, "queries")
        try judge(pairs, folder.appending("qrels"), "first")
        return queries.count
    }

    private func judge(_ queries: [CaptionedSide.Query], _ folder: FilePath, _ split: String) throws {
        try judge(queries.flatMap { query in query.answers.map { (query.id, $0) } }, folder, split)
    }

    private func judge(_ pairs: [(String, String)], _ folder: FilePath, _ split: String) throws {
        try Files.makeDirectory(folder)
        let lines = pairs.map { "\($0)\t\($1)\t1\n" }
        try Files.replace(
            folder.appending(split + ".tsv"), with: "query-id\tcorpus-id\tscore\n" + lines.joined())
    }

    private func write(_ records: [JSONValue], _ folder: FilePath, _ name: String) throws {
        var text: [UInt8] = []
        for record in records {
            record.appendLine(to: &text)
            if text.last != UInt8(ascii: "\n") { text.append(UInt8(ascii: "\n")) }
        }
        try Files.replace(folder.appending(name + ".jsonl"), with: text)
    }
}
