import Base
import JSON
import TestKit
import Testing

/// One policy for texts with nothing to read, in check, encode and train.
@Suite("Blank texts")
struct BlankTextToolTests {
    static let blanks = ["", " ", "\\n\\t", "\\u0000\\u0007", "\\u200b", "\\ufeff\\u2060", "\\u3000\\u00a0"]

    /// Eight documents and four queries of syllables; `document` and `query` are the JSON of the texts of two of them.
    private func world(document: String = "ba be", query: String = "ba", title: String = "") throws -> SmallWorld {
        let world = try SmallWorld()
        var corpus = #"{"docid":"blank","title":"\#(title)","document_text":"\#(document)"}"# + "\n"
        for number in 0..<8 {
            corpus += #"{"docid":"d\#(number)","document_text":"\#(SmallWorld.text(ofDocument: number))"}"# + "\n"
        }
        var queries =
            #"{"query_id":"odd","query_text":"\#(query)","positive_document_ids":["d7"],"#
            + #""negative_document_ids":["d1","d2"]}"# + "\n"
        for number in 0..<4 {
            queries +=
                #"{"query_id":"q\#(number)","query_text":"\#(SmallWorld.text(ofDocument: number))","#
                + #""positive_document_ids":["d\#(number)"],"negative_document_ids":["blank","d\#(number + 3)"]}"#
                + "\n"
        }
        try world.temporary.write(corpus, to: "corpus.jsonl")
        try world.temporary.write(queries, to: "queries.jsonl")
        try world.succeed(
            "tvt-convert", ["v2", "--corpus", "corpus.jsonl", "--queries", "queries.jsonl", "--dataset", "road"])
        try world.writeMix()
        return world
    }

    private func train(_ world: SmallWorld, _ output: String, _ settings: [String]) throws -> ToolResult {
        try world.run(
            "tvt-train", SmallWorld.training(output, ["queries_per_step=2"] + settings) + ["--json"])
    }

    private func number(_ result: ToolResult, _ key: String) throws -> Int? {
        try JSONValue.parse(result.output, path: key)[key]?.integer
    }

    @Test("a blank document is counted by check, encode and train, which all go to their end", arguments: blanks)
    func documents(text: String) throws {
        let world = try world(document: text)
        let check = try world.run("tvt-convert", ["check", "corpus.jsonl", "queries.jsonl"])
        #expect(check.status == 0 && check.outputText.contains("empty text (warning): 1"), "\(check.outputText)")
        let encoded = try world.run("tvt-encode", SmallWorld.encoding("corpus", to: "v") + ["--json"])
        #expect(try encoded.status == 0 && number(encoded, "blank") == 1, "\(encoded.errorText)")
        #expect(encoded.errorText.contains("warning: 1 texts are blank"))
        let trained = try train(world, "run", [])
        #expect(trained.status == 0, "\(trained.errorText)")
        #expect(try number(trained, "blank")! > 0 && world.losses(of: "run").count == 6)
        #expect(trained.errorText.contains("blank_texts: skip"))
    }

    @Test("a blank query likewise, with and without prompts", arguments: ["", "\\u200b"], ["", "ba "])
    func queries(text: String, prompt: String) throws {
        let world = try world(query: text)
        let trained = try train(world, "run", ["prompts={query: '\(prompt)', document: '\(prompt)'}"])
        #expect(trained.status == 0, "\(trained.errorText)")
        #expect(try number(trained, "blank")! > 0)
        let encoded = try world.run(
            "tvt-encode", SmallWorld.encoding("queries", to: "v") + ["--json", "--query-prompt", prompt])
        #expect(try encoded.status == 0 && number(encoded, "blank") == 1)
    }

    @Test("a title alone is a text")
    func titles() throws {
        let world = try world(document: "", title: "bi bo")
        let check = try world.run("tvt-convert", ["check", "corpus.jsonl", "queries.jsonl"])
        #expect(check.status == 0 && !check.outputText.contains("empty text"), "\(check.outputText)")
        for policy in ["encode", "skip", "error"] {
            let encoded = try world.run(
                "tvt-encode", SmallWorld.encoding("corpus", to: "v-\(policy)") + ["--json", "--blank-texts", policy])
            #expect(try encoded.status == 0 && number(encoded, "records") == 9, "\(encoded.errorText)")
            let trained = try train(world, "run-\(policy)", ["blank_texts=\(policy)"])
            #expect(try trained.status == 0 && number(trained, "blank") == 0, "\(trained.errorText)")
        }
    }

    @Test("skip leaves records out before the first step, and counts them")
    func skip() throws {
        let world = try world(document: " ", query: "\\u200b")
        for (side, count) in [("corpus", 8), ("queries", 4)] {
            let encoded = try world.run(
                "tvt-encode", SmallWorld.encoding(side, to: side) + ["--json", "--blank-texts", "skip"])
            #expect(try encoded.status == 0 && number(encoded, "records") == count, "\(encoded.errorText)")
            #expect(try number(encoded, "left_out") == 1 && number(encoded, "blank") == 0)
            #expect(encoded.errorText.contains("1 records are left out"))
            #expect(try world.json("\(side)/vectors.json")["encoding"]?["left_out"]?.integer == 1)
        }
        let trained = try train(world, "run", ["blank_texts=skip"])
        #expect(try trained.status == 0 && number(trained, "blank") == 0, "\(trained.errorText)")
        let counts = try JSONValue.parse(trained.output, path: "train")["datasets"]?.array?.first
        #expect(counts?["blank_documents"]?.integer == 1 && counts?["blank_queries"]?.integer == 1)
        #expect(counts?["left_out_as_blank"]?.integer == 1)
        #expect(try world.json("run/lock.json")["datasets"]?.array?.first?["examples"]?.integer == 4)
        // As the rest of the data without them: a resumed run has the same order.
        let killed = try train(world, "again", ["blank_texts=skip", "checkpoint_every=1"])
        #expect(killed.status == 0)
        try Files.remove(world.path("again/model"))
        try Files.removeTree(world.path("again/checkpoints/step-000006"))
        let resumed = try world.run(
            "tvt-train",
            SmallWorld.training(
                "again", ["queries_per_step=2", "blank_texts=skip", "checkpoint_every=1"], resume: true))
        #expect(resumed.status == 0)
        #expect(try world.losses(of: "again") == world.losses(of: "run"))
    }

    @Test("error refuses before anything is written, with count and id")
    func refusal() throws {
        let world = try world(document: " ", query: "\\u200b")
        try world.fail(
            "tvt-encode", SmallWorld.encoding("corpus", to: "v") + ["--blank-texts", "error"], status: 65,
            naming: ["1 of 9 documents are blank", "\"blank\"", "--blank-texts skip"])
        try world.fail(
            "tvt-train", SmallWorld.training("run", ["queries_per_step=2", "blank_texts=error"]), status: 65,
            naming: ["1 documents and 1 queries", "\"blank\"", "blank_texts: skip"])
        #expect(!world.exists("v") && !world.exists("run"))
        try world.fail(
            "tvt-train", SmallWorld.training("run", ["blank_texts=drop"]), status: 78, naming: ["encode, skip, error"])
    }
}
