internal import Base
internal import JSON
internal import Rankings
internal import Reports
internal import SystemPackage

/// Some queries with what they found before and after training.
struct DemoExamples {
    private let demo: DemoFolder
    /// Files of items, and texts of captions, by id.
    private var media: [String: String] = [:]
    private var texts: [String: String] = [:]
    private static let shownCount = 5

    init(_ demo: DemoFolder) throws {
        self.demo = demo
        for record in try demo.records(demo.tables.appending("test/corpus.jsonl")) {
            guard let id = record["docid"]?.string else { continue }
            media[id] = record["document_image"]?.string ?? record["document_audio"]?.string
            texts[id] = record["captions"]?.array?.first?.string
        }
        for file in ["test/queries.jsonl", "test/reversed/corpus.jsonl"] {
            for record in try demo.records(demo.tables.appending(file)) {
                guard let id = record["query_id"]?.string ?? record["docid"]?.string else { continue }
                texts[id] = record["query_text"]?.string ?? record["document_text"]?.string
            }
        }
    }

    /// - Returns: HTML.
    func found(dataset: String, queryCount: Int) throws -> String {
        let judged = try demo.judgements(dataset)
        let runs = try ["before", "after"].map { when in
            try Run(reading: RunFile(demo.path.appending(when).appending(dataset).appending("first.run")))
        }
        let order = Permutation(count: UInt64(judged.count), seed: 1896)
        let examples = try (0..<min(queryCount, judged.count)).map { index in
            let (query, answers) = judged[Int(order[UInt64(index)])]
            let columns = try zip(["untrained", "trained"], runs).map { name, run in
                "<div><small>\(name)</small>\(try results(of: query, in: run, answers))</div>"
            }
            return "<div class=\"example\">\(try shown(query))<div class=\"pair\">\(columns.joined())</div></div>"
        }
        return examples.joined() + "<p><small>Drawn by seed, not chosen. Green: a right answer.</small></p>"
    }

    private func results(of query: String, in run: Run, _ answers: Set<String>) throws -> String {
        let id = Array(query.utf8)
        guard let position = (0..<run.queryCount).first(where: { run.queries[$0] == id }) else {
            return "<p>no results</p>"
        }
        let items = try run.order(of: position).prefix(Self.shownCount).map { index in
            guard let document = String(validating: run.documents[index], as: UTF8.self) else {
                throw InputError("an id that is not valid UTF-8", at: Place(path: "first.run"))
            }
            return "<li\(answers.contains(document) ? " class=\"hit\"" : "")>\(try shown(document))</li>"
        }
        return "<ol>\(items.joined())</ol>"
    }

    /// An item as itself, with its first caption; a caption as text.
    private func shown(_ id: String) throws -> String {
        let text = html(texts[id] ?? id)
        guard let name = media[id] else { return "<b>\(text)</b>" }
        let bytes = try demo.item(name)
        let data = bytes.withUnsafeBytes { base64($0) }
        if name.hasSuffix(".png") {
            return "<img alt=\"\" src=\"data:image/png;base64,\(data)\"><small>\(text)</small>"
        }
        let type = name.hasSuffix(".wav") ? "audio/wav" : "audio/ogg"
        return "<audio controls preload=\"none\" src=\"data:\(type);base64,\(data)\"></audio><br><small>\(text)</small>"
    }
}
