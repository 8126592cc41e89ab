import Base
import JSON
import Store
import StoreFormat
import SystemPackage
import TestKit
import Testing

/// A store with a dataset `set`: 20 queries, 100 documents, positives, negatives with scores, and judgements of two splits.
struct CurationWorld {
    let temporary: TemporaryFolder

    init() throws {
        temporary = try TemporaryFolder()
        try add("set", documents: 0..<100, queries: 0..<20)
    }

    var root: FilePath { temporary("store") }
    var store: Store { get throws { try Store(opening: root) } }

    /// A PNG's head with noise behind it; media are not looked at more closely here.
    static func image(_ number: Int) -> [UInt8] {
        [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13] + Array("IHDR".utf8)
            + [0, 0, 0, 9, 0, 0, 0, 7, 8, 2, 0, 0, 0] + (0..<3000).map { UInt8(truncatingIfNeeded: $0 * 7 + number) }
    }

    /// Converts a made-up set. Query `q` has the positive 5q, the negatives 5q + 1 and 5q + 2; test judges 5q and 5q + 3, train
    /// 5q for every second query.
    func add(
        _ name: String, documents: Range<Int>, queries: Range<Int>, text: (Int) -> String = { "text \($0)" },
        judges: Bool = true
    ) throws {
        var corpus = ""
        for number in documents {
            let image = number % 10 == 0 ? #","document_image":"\#(number).png""# : ""
            if number % 10 == 0 { try temporary.write(Self.image(number), to: "files/\(number).png") }
            corpus += #"{"docid":"d\#(number)","document_text":"\#(text(number))"\#(image)}"# + "\n"
        }
        try temporary.write(corpus, to: "\(name).corpus")
        var lines = ""
        for query in queries {
            let links =
                #""positive_document_ids":["d\#(5 * query)"],"positive_document_scores":[0.5],"#
                + #""negative_document_ids":["d\#(5 * query + 1)","d\#(5 * query + 2)"]"#
            lines += #"{"query_id":"q\#(query)","query_text":"question \#(query / 2)",\#(links)}"# + "\n"
        }
        try temporary.write(lines, to: "\(name).queries")
        try temporary.write(
            queries.map { "q\($0) 0 d\(5 * $0) 2\nq\($0) 0 d\(5 * $0 + 3) 0\n" }.joined(), to: "test.qrels")
        try temporary.write(
            queries.filter { $0 % 2 == 0 }.map { "q\($0) 0 d\(5 * $0) 1\n" }.joined(), to: "train.qrels")
        try succeed(
            "tvt-convert",
            [
                "v2", "--corpus", "\(name).corpus", "--queries", "\(name).queries", "--assets", "files", "--dataset",
                name,
            ] + (judges ? ["--qrels", "test.qrels", "train.qrels"] : []))
    }

    func run(_ tool: String, _ arguments: [String], input: [UInt8]? = nil) throws -> ToolResult {
        try TestKit.run(
            tool, arguments + ["--store", root.string], input: input, workingFolder: temporary.path)
    }

    @discardableResult
    func succeed(_ tool: String, _ arguments: [String], at location: SourceLocation = #_sourceLocation) throws
        -> JSONValue
    {
        let result = try run(tool, arguments + ["--json"])
        try #require(result.status == 0, "\(arguments): \(result.errorText)", sourceLocation: location)
        return try JSONValue.parse(result.output, path: "\(arguments)")
    }

    func fail(
        _ arguments: [String], _ status: Int32, naming message: String, at location: SourceLocation = #_sourceLocation
    )
        throws
    {
        let before = try store.references().map(\.name)
        let result = try run("tvt-store", arguments)
        #expect(result.status == status, "\(result.errorText)", sourceLocation: location)
        #expect(result.errorText.contains(message), "\(result.errorText)", sourceLocation: location)
        #expect(try store.references().map(\.name) == before, sourceLocation: location)
    }

    func dataset(_ name: String) throws -> Dataset { try store.dataset(name) }

    func expectClean(at location: SourceLocation = #_sourceLocation) throws {
        let result = try run("tvt-store", ["verify", "--level", "full"])
        #expect(result.status == 0, "\(result.outputText)", sourceLocation: location)
    }
}

extension Dataset {
    private func text(_ id: [UInt8]) -> String { String(decoding: id, as: UTF8.self) }

    var documentIDs: [String] { get throws { try (0..<documentCount).map { text(try documentID($0)) } } }
    var queryIDs: [String] { get throws { try (0..<queryCount).map { text(try queryID($0)) } } }

    /// `q1: d5 0.5` for each link, in order.
    func lines(_ links: Links?) throws -> [String] {
        guard let links else { return [] }
        var lines: [String] = []
        for query in 0..<links.queryCount {
            let scores = try links.scores(of: query)
            for (position, target) in try links.targets(of: query).enumerated() {
                let score = scores.map { " \($0[position])" } ?? ""
                lines.append("\(text(try queryID(query))): \(text(try documentID(Int(target))))" + score)
            }
        }
        return lines
    }

    func judged(_ split: String) throws -> [String] { try lines(judgements(split: split)) }
}
