import Base
import JSON
import SystemPackage
import TestKit
import Testing
import Vectors

/// Folders of sentence-transformers 6 as users give them to `tvt-encode`: see FolderTests of ModelsTests for the values.
struct ModelFolderToolTests {
    static let golden = sourceRoot.appending("Tests/ModelsTests/Golden/Folders")
    let data: SampleData

    init() throws {
        data = try SampleData(documentCount: 3)
        _ = try data.commit()
        for file in [
            "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "modules.json",
            "sentence_bert_config.json", "config_sentence_transformers.json", "1_Pooling/config.json",
            "2_Normalize/config.json",
        ] {
            _ = try data.temporary.write(
                Files.readAll(ModelFolderToolTests.golden.appending("plain").appending(file)), to: "model/\(file)")
        }
    }

    func edit(_ file: String, _ field: String, _ value: JSONValue) throws {
        let path = data.temporary("model").appending(file)
        var object = try JSONValue.parse(file: path).object!
        object[field] = value
        _ = try data.temporary.write(JSONValue.object(object).pretty(), to: "model/\(file)")
    }

    func encode(_ output: String, _ more: [String] = []) throws -> ToolResult {
        try run(
            "tvt-encode",
            [
                "corpus", "sample", "--store", data.store.root.string, "--model", data.temporary("model").string,
                "--output", data.temporary(output).string, "--threads", "1",
            ] + more)
    }

    @Test func flagsForRareModels() throws {
        try edit(
            "config_sentence_transformers.json", "prompts", ["query": "q: ", "passage": "p: ", "Clustering": "c: "])
        let joined = try encode(
            "joined", ["--pooling", "cls+mean", "--document-prompt-name", "Clustering", "--instruction", "find tea"])
        #expect(joined.status == 0, "\(joined.errorText)")
        let reader = try VectorsReader(opening: data.temporary("joined"))
        #expect(reader.dims == 64)
        let manifest = try Files.readText(data.temporary("joined").appending("vectors.json"))
        #expect(manifest.contains("c: "))
        let refusals: [(flags: [String], status: Int32, words: String)] = [
            (["--document-prompt-name", "nobody"], 78, "\"Clustering\""),
            (["--document-prompt-name", "passage", "--document-prompt", "x"], 78, "--document-prompt-name"),
            (["--instruction", "find", "--query-prompt", "x"], 78, "--instruction"),
            (["--attention", "causal"], 78, "--attention"), (["--attention", "sideways"], 64, "sideways"),
            (["--pooling", "cls+median"], 64, "cls+median"),
        ]
        for refusal in refusals {
            let result = try encode("refused", refusal.flags)
            #expect(result.status == refusal.status && result.errorText.contains(refusal.words), "\(result.errorText)")
        }
        #expect(!Files.exists(data.temporary("refused")))
        let help = try run("tvt-encode", ["corpus", "--help"]).outputText
        for flag in ["--append-eos", "--attention", "--instruction", "--query-prompt-name"] {
            #expect(help.contains(flag))
        }
    }

    @Test func foldersNeedNoFlags() throws {
        let result = try encode("plain")
        #expect(result.status == 0, "\(result.errorText)")
        #expect(try VectorsReader(opening: data.temporary("plain")).dims == 32)
        try edit("config_sentence_transformers.json", "truncate_dim", 8)
        let cut = try encode("cut")
        #expect(cut.status == 0)
        #expect(cut.errorText.contains("truncate_dim"))
        let reader = try VectorsReader(opening: data.temporary("cut"))
        #expect(reader.dims == 8)
        #expect(!reader.manifest.description.isNormalised)
        let scaled = try encode("scaled", ["--dims", "8"])
        #expect(scaled.status == 0)
        #expect(try VectorsReader(opening: data.temporary("scaled")).manifest.description.isNormalised)
    }

    @Test(
        arguments: [
            ("sentence_bert_config.json", "processing_kwargs", ["text": ["add_special_tokens": false]]),
            ("tokenizer_config.json", "do_lower_case", false), ("config.json", "num_hidden_layers", 1_000_000_000),
            ("config_sentence_transformers.json", "similarity_fn_name", "manhattan"),
        ] as [(String, String, JSONValue)])
    func fieldsThatAreNotDoneEndWith78(file: String, field: String, value: JSONValue) throws {
        try edit(file, field, value)
        let result = try encode("vectors")
        #expect(result.status == 78)
        #expect(result.errorText.contains("\(file), field \"\(field)"))
        #expect(!Files.exists(data.temporary("vectors")))
    }

    @Test func aPassagePromptIsNotedOnce() throws {
        try edit("config_sentence_transformers.json", "prompts", ["query": "q: ", "passage": "p: "])
        let result = try encode("vectors")
        #expect(result.status == 0)
        #expect(result.errorText.split(separator: "\n").count { $0.contains("\"passage\"") } == 1)
        #expect(result.errorText.contains("--document-prompt TEXT"))
        let prompt = try VectorsReader(opening: data.temporary("vectors")).manifest.description.encoding["prompt"]
        #expect(prompt?.string == "")
    }

    @Test(arguments: [
        ["--threads", "100000"], ["--threads", "0"], ["--batch-tokens", "9223372036854775807"], ["--dims", "-1"],
        ["--part-size", "9223372036854775807"], ["--shard", "1/9223372036854775807"],
        ["--query-max-length", "9223372036854775807"],
    ])
    func numbersHaveRanges(option: [String]) throws {
        let result = try encode("vectors", option)
        #expect(result.status == 64)
        #expect(result.errorText.contains(option[0]))
    }
}
