import Base
import JSON
import Rankings
import SystemPackage
import TestKit
import Testing

/// From raw rows to an evaluated model, by command lines alone. The ids hold blanks, so that every stage has to pass
/// them on.
@Suite("The whole road")
struct WholeRoadTests {
    static let queryCount = 40

    /// How the mix says that its models are used; each value differs from the base model's card.
    static let use = """
        pooling: cls
        prompts: {query: "ba ", document: "be "}
        max_lengths: {query: 10, document: 20}
        """

    let world: SmallWorld

    init() throws { world = try SmallWorld(queryCount: Self.queryCount, idGap: " ") }

    // MARK: Pieces of the road

    /// Encodes both sides with a model and searches.
    func retrieve(_ name: String, _ model: FilePath, _ more: [String] = []) throws {
        try world.encode("queries", model, to: "\(name)-q", more)
        try world.encode("corpus", model, to: "\(name)-d", more)
        try search(name, "\(name).tsv", ["--format", "tevatron"])
    }

    func search(_ name: String, _ output: String, _ more: [String]) throws {
        try world.succeed("tvt-search", searching(name, output) + more)
    }

    func searching(_ name: String, _ output: String) -> [String] {
        ["--queries", "\(name)-q", "--corpus", "\(name)-d", "--depth", "30", "--output", output]
    }

    func mine() throws {
        try world.succeed(
            "tvt-mine", ["filter", "road", "--run", "base.tsv", "--depth", "20", "--as", "road@filtered"])
        try world.succeed(
            "tvt-mine",
            [
                "negatives", "road@filtered", "--run", "base.tsv", "--depth", "15", "--count", "4", "--seed", "3",
                // That the run has the queries that were filtered out is a note.
                "--as", "road@mined", "--log-level", "warning",
            ])
    }

    /// Makes the dataset `judged`: `road` with the positives as judgements, named `test`.
    func judge() throws {
        for side in ["queries", "corpus"] {
            let printed = try world.succeed("tvt-store", ["cat", "road", side]).output
            try world.temporary.write(printed, to: "\(side).jsonl")
        }
        var qrels = "query-id\tcorpus-id\tscore\n"
        for query in 0..<Self.queryCount { qrels += "q\(query)\td \(3 * query)\t1\n" }
        try world.temporary.write(qrels, to: "test.tsv")
        let files = ["--queries", "queries.jsonl", "--corpus", "corpus.jsonl", "--qrels", "test.tsv"]
        try world.succeed("tvt-convert", ["v2"] + files + ["--dataset", "judged"])
    }

    /// Query id → document ids, best first.
    func ranking(_ name: String, escaped: Bool = false) throws -> [[UInt8]: [[UInt8]]] {
        let run = try Run(reading: world.path(name), escapedIDs: escaped)
        return Dictionary(
            uniqueKeysWithValues: (0..<run.queryCount).map { query in
                (run.queries[query], run.order(of: query).map { run.documents[$0] })
            })
    }

    func lines(_ command: [String]) throws -> [JSONValue] {
        try world.succeed("tvt-store", command).output.split(separator: 0x0A).map {
            try JSONValue.parse(Array($0), path: "line")
        }
    }

    static func bytes(_ value: JSONValue?) -> [UInt8] { Array((value?.string ?? "").utf8) }

    // MARK: Tests

    @Test("v1 rows through both forms: the same data, whatever way it came")
    func conversions() throws {
        try judge()
        try world.succeed("tvt-convert", ["v2-to-v1", "road", "--output", "back.jsonl.zst"])
        try world.succeed("tvt-convert", ["v1-to-v2", "back.jsonl.zst", "--dataset", "back"])
        let digests = try ["road", "back"].map {
            try JSONValue.parse(world.succeed("tvt-store", ["show", $0, "--json"]).output, path: $0)["logicalDigest"]
        }
        #expect(digests[0]?.string != nil && digests[0] == digests[1])
        // Judgements are part of the data, so the whole differs; the sides do not.
        let shown = try ["road", "judged"].map {
            try JSONValue.parse(world.succeed("tvt-store", ["show", $0, "--json"]).output, path: $0)
        }
        for side in ["documents", "queries"] {
            let digests = shown.map { $0[side]?["logicalDigest"]?.string }
            #expect(digests[0] != nil && digests[0] == digests[1], "\(side)")
        }
        #expect(try lines(["cat", "road", "corpus"]).count == 3 * Self.queryCount)
    }

    @Test("a run in every format has the same ranking; TREC's needs --escape-ids for ids with blanks")
    func runFormats() throws {
        try retrieve("base", SmallWorld.model)
        try world.fail("tvt-search", searching("base", "run.trec"), status: 65, naming: ["--escape-ids", "d "])
        #expect(!world.exists("run.trec") && !world.exists("run.trec.json"))
        try search("base", "run.trec", ["--escape-ids"])
        try search("base", "run.trec.zst", ["--escape-ids"])
        try search("base", "run.marco", ["--format", "marco"])
        let ranking = try ranking("base.tsv")
        #expect(ranking.count == Self.queryCount && ranking.values.allSatisfy { $0.count == 30 })
        #expect(try self.ranking("run.trec", escaped: true) == ranking)
        #expect(try self.ranking("run.trec.zst", escaped: true) == ranking)
        let printed = try world.succeed("tvt-search", searching("base", "-") + ["--format", "tevatron"]).output
        #expect(try printed == world.bytes("base.tsv"))
        let marco = try Files.readText(world.path("run.marco")).split(separator: "\n").map { $0.split(separator: "\t") }
        for line in marco {
            let place = try #require(Int(line[2])) - 1
            #expect(try #require(ranking[Array(line[0].utf8)])[place] == Array(line[1].utf8))
        }
        // Mining from any of them makes the same version, up to what it notes of the file.
        let digests = try [
            ("base.tsv", [String]()), ("run.trec", ["--escape-ids"]), ("run.trec.zst", []),
        ]
        .enumerated().map { number, run in
            try world.succeed(
                "tvt-mine",
                [
                    "negatives", "road", "--run", run.0, "--count", "3", "--depth", "30", "--seed", "1", "--as",
                    "n\(number)",
                ] + run.1)
            return try JSONValue.parse(
                world.succeed("tvt-store", ["show", "n\(number)", "--json"]).output, path: "show")["logicalDigest"]
        }
        #expect(digests[0]?.string != nil && digests[0] == digests[1] && digests[1] == digests[2])
    }

    @Test("mining keeps and chooses what the run says, and the versions tell how they came about")
    func miningAndLineage() throws {
        try retrieve("base", SmallWorld.model)
        try mine()
        let ranking = try ranking("base.tsv")
        let positives = Dictionary(
            uniqueKeysWithValues: try lines(["cat", "road", "queries"]).map {
                (Self.bytes($0["query_id"]), Self.bytes($0["positive_document_ids"]?.array?.first))
            })
        let kept = try lines(["cat", "road@mined", "queries"])
        let expected = positives.filter { query, positive in ranking[query]!.prefix(20).contains(positive) }
        #expect(Set(kept.map { Self.bytes($0["query_id"]) }) == Set(expected.keys))
        #expect(!kept.isEmpty && kept.count < Self.queryCount)
        for query in kept {
            let id = Self.bytes(query["query_id"])
            let candidates = ranking[id]!.filter { $0 != positives[id] }.prefix(15)
            let negatives = (query["negative_document_ids"]?.array ?? []).map(Self.bytes)
            #expect(negatives.count == 4 && Set(negatives).count == 4)
            #expect(negatives.allSatisfy(candidates.contains))
        }

        let log =
            try JSONValue.parse(
                world.succeed("tvt-store", ["log", "road@mined", "--json"]).output, path: "log"
            ).array ?? []
        try #require(log.count == 3)
        let origins = log.map { $0["manifest"]?["provenance"] }
        for (origin, tool) in zip(origins, ["tvt-mine negatives ", "tvt-mine filter ", "tvt-convert "]) {
            #expect(origin?["tool"]?.string?.hasPrefix(tool) == true)
        }
        #expect(log.map { $0["references"]?.array } == [["road@mined"], ["road@filtered"], ["road"]])
        #expect(origins[0]?["parents"]?.array == [log[1]["digest"] ?? .null])
        #expect(origins[1]?["parents"]?.array == [log[2]["digest"] ?? .null])
        #expect(origins[2]?["parents"]?.array == [])
        let options = origins[0]?["options"]
        #expect(options?["depth"] == 15 && options?["count"] == 4 && options?["seed"] == "3")
        #expect(options?["strategy"] == "random" && options?["shortage"] == "keep")
        #expect(origins[1]?["options"]?["depth"] == 20)
        for (origin, file) in zip(origins, ["base.tsv", "base.tsv", "v1.jsonl"]) {
            let input = origin?["inputs"]?.array?.first
            #expect(try input?["sha256"]?.string == "\(SHA256Digest.ofFile(world.path(file)))")
            #expect(try input?["size"]?.integer == Files.size(world.path(file)))
        }
        // What the run was made from is known even to the version that was mined from it.
        for (side, folder) in [
            (options?["runOrigin"]?["queries"], "base-q"),
            (
                options?["runOrigin"]?["corpus"]?.array?.first, "base-d"
            ),
        ] {
            let vectors = try world.json("\(folder)/vectors.json")
            #expect(side?["model_card"]?.string != nil && side?["model_card"] == vectors["model_card"])
            #expect(side?["dataset"] == log[2]["digest"] && side?["encoding"] == vectors["encoding"])
        }
        try world.expectCleanStore()
    }

    @Test("a trained model is used as it was trained, without a flag", arguments: [false, true])
    func trainedModels(isAdapter: Bool) throws {
        try retrieve("base", SmallWorld.model)
        try mine()
        try world.writeMix(dataset: "road@mined", Self.use)
        let settings = isAdapter ? ["lora={r: 4, alpha: 8}", "optimizer.learning_rate=1e-2"] : []
        try world.succeed("tvt-train", SmallWorld.training("run", settings))

        let card = try world.json("run/model/tvt.json")
        #expect(card["pooling"] == "cls" && card["normalize"] == true && card["dims"] == 32)
        #expect(card["query"] == ["prompt": "ba ", "maxLength": 10])
        #expect(card["document"] == ["prompt": "be ", "maxLength": 20])
        let lock = try world.json("run/lock.json")
        #expect(lock["card"] == card)
        let part = lock["datasets"]?.array?.first
        #expect(try part?["digest"]?.string == world.digest(of: "road@mined") && part?["reference"] == "road@mined")
        let training = try world.json("run/model/training.json")
        #expect(try training["lock"]?.string == "\(SHA256Digest.ofFile(world.path("run/lock.json")))")

        let model = isAdapter ? SmallWorld.model : world.path("run/model")
        let adapter = isAdapter ? ["--adapter", world.path("run/model").string] : []
        try retrieve("new", model, adapter)
        for (side, prompt, length) in [("q", "ba ", 10), ("d", "be ", 20)] {
            let encoding = try world.json("new-\(side)/vectors.json")["encoding"]
            #expect(encoding?["prompt"]?.string == prompt && encoding?["max_length"]?.integer == length)
        }
        let flags = ["--pooling", "cls", "--normalize", "--query-prompt", "ba ", "--query-max-length", "10"]
        try world.encode("queries", model, to: "told", adapter + flags)
        let other = try world.run(
            "tvt-encode", SmallWorld.encoding("queries", model, to: "other") + adapter + ["--pooling", "mean"])
        #expect(other.status == 0 && other.errorText.contains("mean is asked for"), "\(other.errorText)")
        let vectors = try world.bytes("new-q/part-00000.npy")
        #expect(try world.bytes("told/part-00000.npy") == vectors)
        #expect(try world.bytes("other/part-00000.npy") != vectors)
        try judge()
        let evaluation = try JSONValue.parse(
            world.succeed(
                "tvt-eval",
                ["--run", "base.tsv", "--compare", "new.tsv", "--qrels", "judged", "--metrics", "mrr", "--json"]
            ).output, path: "eval")
        let values = evaluation["runs"]?.array?.compactMap { $0["measures"]?["mrr"]?.double } ?? []
        #expect(values.count == 2 && values.allSatisfy { (0.1...1).contains($0) } && values[0] != values[1])
        // Both sides know that they were made by another model than before.
        try world.fail(
            "tvt-search", ["--queries", "new-q", "--corpus", "base-d", "--output", "mixed"], status: 65,
            naming: ["new-q was made by the model"])
    }

    @Test("an adapter without its model, and one on another model, are refused")
    func adapters() throws {
        try world.writeMix(Self.use)
        try world.succeed("tvt-train", SmallWorld.training("full"))
        try world.succeed("tvt-train", SmallWorld.training("lora", ["lora={r: 4, alpha: 8}"]))
        try world.fail(
            "tvt-encode", SmallWorld.encoding("queries", "lora/model", to: "v"), status: 66, naming: ["--adapter"])
        try world.fail(
            "tvt-encode", SmallWorld.encoding("queries", "full/model", to: "v") + ["--adapter", "lora/model"],
            status: 78, naming: ["lora/model was trained on the weights", "full/model"])
        #expect(!world.exists("v"))
    }

    @Test("runs are measured against judgements of the store, and against each other")
    func evaluation() throws {
        try retrieve("base", SmallWorld.model)
        try retrieve("other", SmallWorld.model, ["--dims", "8"])
        try judge()
        let arguments = ["--run", "base.tsv", "--compare", "other.tsv", "--metrics", "mrr,recall@10", "--qrels"]
        let report = try JSONValue.parse(
            world.succeed("tvt-eval", arguments + ["judged", "--json"]).output, path: "eval")
        let runs = report["runs"]?.array ?? []
        try #require(runs.count == 2)
        for (run, name) in zip(runs, ["base.tsv", "other.tsv"]) {
            let ranking = try ranking(name)
            let ranks = (0..<Self.queryCount).map { query in
                ranking[Array("q\(query)".utf8)]?.firstIndex(of: Array("d \(3 * query)".utf8)).map { $0 + 1 }
            }
            let reciprocal = ranks.reduce(0) { $0 + ($1.map { 1 / Double($0) } ?? 0) } / Double(Self.queryCount)
            let found = ranks.count { ($0 ?? 11) <= 10 }
            #expect(abs(try #require(run["measures"]?["mrr"]?.double) - reciprocal) < 1e-9)
            #expect(run["measures"]?["recall@10"]?.double == Double(found) / Double(Self.queryCount))
        }
        #expect(runs[0]["measures"] != runs[1]["measures"])
        let comparison = try #require(report["comparison"]?.array?.first { $0["measure"] == "mrr" })
        let counts = ["wins", "losses", "ties"].map { comparison[$0]?.integer ?? -1 }
        #expect(counts.reduce(0, +) == Self.queryCount && counts[0] > 0)
        // The same judgements from a file, and the table for people.
        let fromFile = try JSONValue.parse(
            world.succeed("tvt-eval", arguments + ["test.tsv", "--json"]).output, path: "eval")
        #expect(fromFile["runs"] == report["runs"])
        let table = try world.succeed("tvt-eval", arguments + ["judged"]).outputText
        #expect(table.contains("base.tsv") && table.contains("other.tsv") && table.contains("recall@10"))
    }
}
