import Base
import JSON
import SystemPackage
import TestKit
import Testing

/// A folder with a store in it, made-up data, and tools that run there as a user runs them.
struct SmallWorld {
    /// The golden BERT of two blocks; it knows syllables.
    static let model = sourceRoot.appending("Tests/TrainingTests/Golden/tiny-bert")

    let temporary: TemporaryFolder

    init() throws { temporary = try TemporaryFolder() }

    /// A world whose store has the dataset `road`.
    init(queryCount: Int, idGap: String = "") throws {
        try self.init()
        try writeRows(queryCount: queryCount, idGap: idGap, to: "v1.jsonl")
        try succeed("tvt-convert", ["v1-to-v2", "v1.jsonl", "--dataset", "road"])
    }

    func path(_ name: String) -> FilePath { temporary(name) }

    func exists(_ name: String) -> Bool { Files.exists(temporary(name)) }

    func bytes(_ name: String) throws -> [UInt8] { try Files.readAll(temporary(name)) }

    func json(_ name: String) throws -> JSONValue { try JSONValue.parse(file: temporary(name)) }

    // MARK: Tools

    /// What every tool finds: the store `store`.
    var environment: [String: String] { ["TVT_STORE": temporary("store").string] }

    /// Runs a tool in the folder.
    func run(
        _ tool: String, _ arguments: [String], input: [UInt8]? = nil, killAfterSeconds: Double? = nil
    ) throws -> ToolResult {
        try TestKit.run(
            tool, arguments, input: input, environment: environment, workingFolder: temporary.path,
            killAfterSeconds: killAfterSeconds)
    }

    /// Runs a tool that must succeed, and that has nothing to say on stderr, which is no terminal.
    @discardableResult
    func succeed(
        _ tool: String, _ arguments: [String], input: [UInt8]? = nil, at location: SourceLocation = #_sourceLocation
    ) throws -> ToolResult {
        let result = try run(tool, arguments, input: input)
        try #require(result.status == 0, "\(tool) \(arguments): \(result.errorText)", sourceLocation: location)
        #expect(result.errors.isEmpty, "\(tool) \(arguments): \(result.errorText)", sourceLocation: location)
        return result
    }

    /// Runs a tool that must fail with this status, naming what is at fault.
    func fail(
        _ tool: String, _ arguments: [String], status: Int32, naming messages: [String],
        at location: SourceLocation = #_sourceLocation
    ) throws {
        let result = try run(tool, arguments)
        #expect(result.status == status, "\(tool) \(arguments): \(result.errorText)", sourceLocation: location)
        for message in messages {
            #expect(result.errorText.contains(message), "\(result.errorText)", sourceLocation: location)
        }
        #expect(result.output.isEmpty, "\(result.outputText)", sourceLocation: location)
    }

    /// Encodes a side of `road` into a folder.
    func encode(_ side: String, _ model: FilePath = Self.model, to output: String, _ more: [String] = []) throws {
        try succeed("tvt-encode", Self.encoding(side, model, to: output) + more)
    }

    static func encoding(_ side: String, _ model: FilePath = Self.model, to output: String) -> [String] {
        [side, "road", "--model", model.string, "--output", output, "--threads", "1"]
    }

    /// Digest of the version that a reference points at; nil where there is none.
    func digest(of reference: String) throws -> String? {
        let result = try run("tvt-store", ["ls", "--json"])
        let entries = try JSONValue.parse(result.output, path: "ls").array ?? []
        return entries.first { $0["reference"]?.string == reference }?["digest"]?.string
    }

    func expectCleanStore(_ comment: Comment? = nil, at location: SourceLocation = #_sourceLocation) throws {
        let result = try run("tvt-store", ["verify", "--level", "full"])
        #expect(result.status == 0, comment ?? "\(result.outputText)", sourceLocation: location)
    }

    /// Path → SHA-256 of everything below a folder, links by their targets' contents.
    func contents(of name: String = "") throws -> [String: SHA256Digest] {
        let root = name.isEmpty ? temporary.path : temporary(name)
        var found: [String: SHA256Digest] = [:]
        func visit(_ folder: FilePath, _ prefix: String) throws {
            for name in try Files.list(folder) {
                let path = folder.appending(name)
                if Files.isDirectory(path) {
                    try visit(path, prefix + name + "/")
                } else {
                    found[prefix + name] = try SHA256Digest.ofFile(path)
                }
            }
        }
        try visit(root, "")
        return found
    }

    // MARK: Data

    private static func syllable(_ number: UInt64) -> String {
        let drawn = SplitMix64.mix(17, number)
        return "\(Array("bcdfghjklmnpqrstvwxyz")[Int(drawn % 21)])\(Array("aeiou")[Int(drawn / 21 % 5)])"
    }

    static func text(ofDocument number: Int) -> String {
        (0..<(3 + number % 7)).map { syllable(UInt64(number * 31 + $0)) }.joined(separator: " ")
    }

    /// Writes v1 rows: query `q` says the beginning of its positive, document 3q; documents 3q + 1 and 3q + 2 are its
    /// negatives.
    ///
    /// - Parameter idGap: stands between `d` and a document's number; a blank makes ids that TREC's format cannot hold.
    func writeRows(queryCount: Int, idGap: String = "", to name: String) throws {
        func passage(_ number: Int) -> JSONValue {
            [
                "docid": .string("d\(idGap)\(number)"),
                "title": .string(number % 2 == 0 ? "" : Self.syllable(UInt64(number))),
                "text": .string(Self.text(ofDocument: number)),
            ]
        }
        var bytes: [UInt8] = []
        for query in 0..<queryCount {
            let words = Self.text(ofDocument: 3 * query).split(separator: " ").prefix(3)
            let row: JSONValue = [
                "query_id": .string("q\(query)"), "query": .string(words.joined(separator: " ")),
                "positive_passages": [passage(3 * query)],
                "negative_passages": [passage(3 * query + 1), passage(3 * query + 2)],
            ]
            row.appendLine(to: &bytes)
            bytes.append(0x0A)
        }
        try temporary.write(bytes, to: name)
    }

    /// Writes a Tevatron run that gives each query `depth` documents, the positive among them or not.
    func writeRun(queryCount: Int, depth: Int, to name: String) throws {
        var text = ""
        for query in 0..<queryCount {
            for rank in 0..<depth {
                let document = (query * 7 + rank * 13) % (3 * queryCount)
                text += "q\(query)\td\(document)\t\(Double(depth - rank) / 8)\n"
            }
        }
        try temporary.write(text, to: name)
    }

    /// Writes `mix.yaml`: `road` and the tiny model, six steps of eight queries.
    func writeMix(dataset: String = "road", _ more: String = "") throws {
        try temporary.write(
            """
            model: \(Self.model)
            datasets:
              - name: \(dataset)
            passages_per_query: 3
            queries_per_step: 8
            steps: 6
            optimizer:
              learning_rate: 1e-3
            \(more)
            """, to: "mix.yaml")
    }

    /// Arguments of a training run of `mix.yaml`.
    static func training(_ output: String, _ settings: [String] = [], resume: Bool = false) -> [String] {
        ["--manifest", "mix.yaml", "--output", output, "--threads", "1"] + settings.flatMap { ["--set", $0] }
            + (resume ? ["--resume"] : [])
    }

    /// The lines of a run's metrics up to the wall time, which no two runs share.
    func losses(of run: String) throws -> [Substring] {
        try Files.readText(path(run).appending("metrics.jsonl")).split(separator: "\n").map { line in
            line[..<(line.ranges(of: ",\"seconds\"").first?.lowerBound ?? line.endIndex)]
        }
    }

    /// The trained weights of a finished run, or of a checkpoint's folder.
    func weights(_ model: String) throws -> [UInt8] {
        let adapter = model + "/adapter_model.safetensors"
        return try bytes(exists(adapter) ? adapter : model + "/model.safetensors")
    }
}
