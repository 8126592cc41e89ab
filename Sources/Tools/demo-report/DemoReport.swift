internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import JSON
internal import Rankings
internal import Reports
internal import Store
internal import SystemPackage

@main
struct DemoReport: Tool {
    static let configuration = CommandConfiguration(
        commandName: "demo-report",
        abstract: "Write what `make demo` did as one HTML page.",
        discussion: """
            Reads the demo's folder: store/, eval.json (of `tvt-eval --compare`), mining/filter.json,
            mining/negatives.json, model/metrics.jsonl, before/test.run and after/test.run.
            """,
        version: tvtVersion)

    @Option(name: .long, help: ArgumentHelp("The demo's folder.", valueName: "dir"))
    var folder: String

    @Option(name: .long, help: ArgumentHelp("The v1 file that was converted.", valueName: "file"))
    var v1: String

    @Option(name: .shortAndLong, help: ArgumentHelp("The page.", valueName: "file.html"))
    var output: String

    func run() throws {
        let folder = FilePath(folder)
        let evaluation = try JSONValue.parse(file: folder.appending("eval.json"))
        let store = try Store(opening: folder.appending("store"))
        var page = Page(
            title: "tvt: Nave's Topical Bible, from a v1 file to a better retriever",
            heading: "From a v1 file to a better retriever",
            introduction: """
                <p>Nave's Topical Bible: verses of the King James Version, found by topic. Every number on this page was \
                computed by the run that wrote it; <code>make demo</code> makes it again.</p>
                """)
        try page.add("Before and after", quality(evaluation))
        try page.add("What filtering and mining changed", mining(folder))
        try page.add("Training loss", LossCurve(losses: losses(folder.appending("model/metrics.jsonl"))).svg)
        try page.add("Size", sizes(store))
        try page.add("Three queries of the test split", examples(store, folder))
        try Files.replace(FilePath(output), with: page.text)
    }

    /// The table and the bars of the two runs; `eval.json` has the untrained run first.
    private func quality(_ evaluation: JSONValue) throws -> String {
        guard let runs = evaluation["runs"]?.array, runs.count == 2,
            let before = runs[0]["measures"]?.object, let after = runs[1]["measures"]?.object
        else { throw InputError("not the result of tvt-eval --compare --json", at: Place(path: "eval.json")) }
        var rows: [[String]] = []
        var bars: [Bars.Bar] = []
        for (measure, value) in before {
            guard let old = value.double, let new = after[measure]?.double else { continue }
            let comparison = evaluation["comparison"]?.array?.first { $0["measure"] == .string(measure) }
            let count = { (key: String) in comparison?[key]?.integer.map(String.init) ?? "" }
            rows.append([
                html(measure), decimal(old, digits: 4), decimal(new, digits: 4),
                (new >= old ? "+" : "") + decimal(new - old, digits: 4),
                count("wins"), count("losses"), comparison?["p_value"]?.double.map { decimal($0, digits: 4) } ?? "",
            ])
            bars.append(
                .init(label: measure + ", untrained", value: old, text: decimal(old, digits: 4), kind: "before"))
            bars.append(.init(label: "trained", value: new, text: decimal(new, digits: 4), kind: "after"))
        }
        let queries = runs[0]["queries"]?.integer ?? 0
        return Page.table(
            header: ["measure", "untrained", "trained", "difference", "queries won", "lost", "p"], rows: rows)
            + "<p><small>Means over the \(queries) queries of the test split, whose topics the training never saw. "
            + "p: paired randomisation test.</small></p>" + Bars(bars, name: "measures of both runs").svg
    }

    /// The counts that mining wrote, as they are.
    private func mining(_ folder: FilePath) throws -> String {
        try ["filter", "negatives"].map { step in
            let report = try JSONValue.parse(file: folder.appending("mining").appending("\(step).json"))
            var rows: [[String]] = []
            func collect(_ value: JSONValue, _ name: String) {
                if let object = value.object {
                    for (key, value) in object { collect(value, name.isEmpty ? key : "\(name), \(key)") }
                } else if let number = value.integer {
                    rows.append([html(name.split(separator: "_").joined(separator: " ")), "\(number)"])
                }
            }
            collect(report, "")
            return "<h3>\(step)</h3>" + Page.table(header: ["what", "count"], rows: rows)
        }.joined()
    }

    private func losses(_ path: FilePath) throws -> [Double] {
        let text = try Files.readAll(path)
        return try text.split(separator: 10).enumerated().map { index, line in
            let step = try JSONValue.parse(Array(line), path: path.string)
            guard let loss = step["loss"]?.double else {
                throw InputError("a number is missing", at: Place(path: path.string, line: index + 1, field: "loss"))
            }
            return loss
        }
    }

    /// The v1 file against what the store keeps for the same dataset.
    private func sizes(_ store: Store) throws -> String {
        let manifest = try store.dataset("nave-train").manifest
        guard let raw = manifest.provenance.statistics["parsedBytes"]?.double else {
            throw Failure(.badData, "the manifest of nave-train does not say how many bytes were read")
        }
        let compressed = Double(try Files.size(FilePath(v1)))
        let stored = Double(manifest.blobs.reduce(0) { $0 + $1.size })
        let bars: [Bars.Bar] = [
            .init(label: "v1 JSON Lines", value: raw, text: byteSize(raw), kind: "before"),
            .init(label: "v1, zstd (no access)", value: compressed, text: byteSize(compressed), kind: "before"),
            .init(label: "v2 in the store", value: stored, text: byteSize(stored), kind: "after"),
        ]
        return Bars(bars, name: "sizes").svg
            + "<p><small>The store's figure holds the records, the indexes by id and the links of all "
            + "\(manifest.queries.recordCount) queries and \(manifest.documents.recordCount) documents; each is read "
            + "by id in microseconds. A v1 file repeats a passage in every row that uses it.</small></p>"
    }

    /// Three queries drawn by seed, with the top results of both runs.
    private func examples(_ store: Store, _ folder: FilePath) throws -> String {
        let dataset = try store.dataset("nave")
        guard let judgements = dataset.judgements(split: "test") else {
            throw Failure(.badData, "nave has no judgements of a split 'test'")
        }
        let before = try Run(reading: RunFile(folder.appending("before/test.run")))
        let after = try Run(reading: RunFile(folder.appending("after/test.run")))
        let judged = try (0..<dataset.queryCount).filter { try judgements.targets(of: $0).count >= 3 }
        guard !judged.isEmpty else { return "<p>No query has three judged documents.</p>" }
        let order = Permutation(count: UInt64(judged.count), seed: 1896)
        return try (0..<min(3, judged.count)).map { index in
            let ordinal = judged[Int(order[UInt64(index)])]
            let query = try dataset.query(ordinal)
            let relevant = Set(try judgements.targets(of: ordinal))
            let columns = try [("untrained", before), ("trained", after)].map { name, run in
                "<div><small>\(name)</small>\(try results(of: query.id, in: run, dataset, relevant))</div>"
            }
            return "<h3>\(html(display(query.text ?? [])))</h3><div class=\"pair\">\(columns.joined())</div>"
        }.joined() + "<p><small>Drawn by seed, not chosen. Green: judged relevant by Nave.</small></p>"
    }

    private func results(of query: [UInt8], in run: Run, _ dataset: Dataset, _ relevant: Set<UInt32>) throws -> String {
        guard let position = (0..<run.queryCount).first(where: { run.queries[$0] == query }) else {
            return "<p>no results</p>"
        }
        let items = try run.order(of: position).prefix(5).map { index in
            guard let ordinal = try dataset.documentOrdinal(id: run.documents[index]) else {
                throw InputError(
                    "a document that nave does not have", at: Place(path: "test.run"), offender: run.documents[index])
            }
            let document = try dataset.document(ordinal)
            let isRelevant = relevant.contains(UInt32(ordinal))
            return "<li\(isRelevant ? " class=\"hit\"" : "")><b>\(html(display(document.title ?? document.id)))</b> "
                + "\(html(display(document.text ?? [])))</li>"
        }
        return "<ol>\(items.joined())</ol>"
    }

    /// Stored text was validated as UTF-8 when it came in.
    private func display(_ text: [UInt8]) -> String { String(decoding: text, as: UTF8.self) }
}
