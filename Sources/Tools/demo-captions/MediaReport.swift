internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import JSON
internal import Rankings
internal import Reports
internal import SystemPackage

struct MediaReport: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Write what a demo did as one HTML page, or print its measures.",
        discussion: """
            Reads the demo's folder: tables/, measures/, model/metrics.jsonl, and before/ and after/ with the runs of test \
            and test-reversed.
            """)

    @Option(name: .long, help: ArgumentHelp("The demo's folder.", valueName: "dir"))
    var folder: String

    @Option(name: .long, help: ArgumentHelp("What the demo is of, in words.", valueName: "text"))
    var what: String

    @Option(
        name: .long, help: ArgumentHelp("The folder that names of recordings begin in.", valueName: "dir"))
    var packages: String?

    @Option(name: .shortAndLong, help: ArgumentHelp("The page (default: print the measures).", valueName: "file.html"))
    var output: String?

    func run() throws {
        let demo = DemoFolder(FilePath(folder), media: packages.map { FilePath($0) })
        let measures = try DemoMeasures(demo)
        guard let output else {
            try writeToStandardOutput(measures.text)
            return
        }
        var page = Page(
            title: "tvt: \(what)", heading: what.prefix(1).uppercased() + what.dropFirst(),
            introduction: """
                <p>Every number on this page was computed by the run that wrote it, on items that the training did not see, \
                nor a variant of them.</p>
                """)
        page.add("Measures", measures.html)
        page.add("Training loss", LossCurve(losses: try demo.losses()).svg)
        let examples = try DemoExamples(demo)
        try page.add("Words, and what they find", examples.found(dataset: "test", queryCount: 8))
        try page.add("Items, and the words that they find", examples.found(dataset: "test-reversed", queryCount: 4))
        try page.add("Sources", sources(demo))
        try Files.replace(FilePath(output), with: page.text)
    }

    private func sources(_ demo: DemoFolder) throws -> String {
        let counts = try JSONValue.parse(file: demo.tables.appending("counts.json"))
        let rows = (counts["sources"]?.object ?? [:]).map { name, source in
            [
                html(name), "\(source["items"]?.integer ?? 0)",
                (source["captions"]?.object ?? [:]).map { html("\($0.1.integer ?? 0) \($0.0)") }.joined(
                    separator: ", "),
                html(source["licence"]?.string ?? ""),
            ]
        }
        return Page.table(header: ["source", "items", "captions", "licence"], rows: rows)
    }
}

/// Where a demo's files lie.
struct DemoFolder {
    let path: FilePath
    let tables: FilePath
    private let media: FilePath

    /// - Parameter media: where names of media begin; nil where the tables have them.
    init(_ path: FilePath, media: FilePath?) {
        self.path = path
        tables = path.appending("tables")
        self.media = media ?? tables.appending("media")
    }

    func losses() throws -> [Double] {
        try records(path.appending("model/metrics.jsonl")).enumerated().map { index, step in
            guard let loss = step["loss"]?.double else {
                throw InputError(
                    "a number is missing", at: Place(path: "model/metrics.jsonl", line: index + 1, field: "loss"))
            }
            return loss
        }
    }

    func records(_ path: FilePath) throws -> [JSONValue] {
        try Files.readAll(path).split(separator: 10).map { try JSONValue.parse(Array($0), path: path.string) }
    }

    func item(_ name: String) throws -> [UInt8] { try Files.readAll(media.appending(name)) }

    /// Answers by query.
    func judgements(_ dataset: String) throws -> [(query: String, answers: Set<String>)] {
        let folder =
            dataset.hasSuffix("-reversed")
            ? tables.appending(String(dataset.dropLast(9))).appending("reversed") : tables.appending(dataset)
        var answers: [(query: String, answers: Set<String>)] = []
        for line in try Files.readText(folder.appending("qrels/first.tsv")).split(separator: "\n").dropFirst() {
            let fields = line.split(separator: "\t")
            if answers.last?.query != String(fields[0]) { answers.append((String(fields[0]), [])) }
            answers[answers.count - 1].answers.insert(String(fields[1]))
        }
        return answers
    }
}
