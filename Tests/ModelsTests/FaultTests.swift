import Base
import JSON
import Models
import SystemPackage
import Tensors
import TestKit
import Testing

/// Folders that are not quite a model: each says what is wrong, none loads.
struct FaultTests {
    let temporary: TemporaryFolder

    init() throws {
        temporary = try TemporaryFolder()
        for name in ["config.json", "tokenizer.json", "model.safetensors"] {
            _ = try temporary.write(try Files.readAll(BertTests.folder.appending(name)), to: name)
        }
    }

    func load() throws {
        _ = try EmbeddingModel(loading: temporary.path, .encoding, overrides: BertTests.overrides(.mean))
    }

    func message(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "no error"
        } catch {
            return "\(error)"
        }
    }

    func changeConfig(_ field: String, _ value: JSONValue?) throws {
        var config = try JSONValue.parse(file: temporary("config.json")).object!
        config[field] = value
        try Files.replace(temporary("config.json"), with: JSONValue.object(config).pretty())
    }

    @Test func theUnchangedFolderLoads() throws { try load() }

    @Test(
        arguments: [
            ("hidden_act", "mish" as JSONValue), ("position_embedding_type", "relative_key"),
            ("is_decoder", true),
            ("num_attention_heads", 5), ("hidden_size", 33), ("vocab_size", 119), ("model_type", "gpt2"),
            ("rope_scaling", ["type": "linear"]), ("quantization_config", ["bits": 4]), ("num_hidden_layers", 4),
            ("num_hidden_layers", 2), ("layer_norm_eps", "small"),
        ] as [(String, JSONValue)])
    func configurationsThatDoNotFit(field: String, value: JSONValue) throws {
        try changeConfig(field, value)
        #expect(throws: InputError.self) { try load() }
    }

    @Test func unknownFieldsAreNamed() throws {
        try changeConfig("attention_window", 128)
        #expect(message(load).contains("field \"attention_window\""))
    }

    @Test func missingAndSurplusTensorsAreNamed() throws {
        let file = try SafetensorsFile(temporary("model.safetensors"))
        let tensors = try file.names.map { ($0, try file.tensor($0)) }
        try SafetensorsWriter.write(
            tensors.filter { $0.0 != "encoder.layer.1.output.dense.bias" }, to: temporary("model.safetensors"))
        #expect(message(load).contains("encoder.layer.1.output.dense.bias"))
        try SafetensorsWriter.write(
            tensors + [("encoder.layer.9.output.dense.bias", try Tensor.zeros([32]))],
            to: temporary("model.safetensors"))
        #expect(message(load).contains("encoder.layer.9.output.dense.bias"))
        // With the prefix that task models have, and their heads, the same weights load.
        try SafetensorsWriter.write(
            tensors.map { ("bert." + $0.0, $0.1) } + [("cls.predictions.bias", try Tensor.zeros([120]))],
            to: temporary("model.safetensors"))
        try load()
    }

    /// Attention on the CPU swallows a NaN in a query or key weight: the vectors would be wrong and look right.
    @Test(arguments: [Float.nan, -.infinity])
    func weightsThatAreNotFiniteAreNamed(value: Float) throws {
        let name = "encoder.layer.0.attention.self.query.weight"
        let file = try SafetensorsFile(temporary("model.safetensors"))
        let tensors = try file.names.map { other in
            let tensor = try file.tensor(other)
            guard other == name else { return (other, tensor) }
            var values = try tensor.floats()
            values[17] = value
            return (other, try Tensor(values, shape: tensor.shape))
        }
        try SafetensorsWriter.write(tensors, to: temporary("model.safetensors"))
        #expect(message(load).contains(name))
        #expect(message(load).contains("not finite"))
    }

    @Test func weightsInSeveralFilesLoad() throws {
        let file = try SafetensorsFile(temporary("model.safetensors"))
        let tensors = try file.names.map { ($0, try file.tensor($0)) }
        var map = JSONObject()
        for (part, names) in [("a.safetensors", tensors.prefix(20)), ("b.safetensors", tensors.dropFirst(20))] {
            try SafetensorsWriter.write(Array(names), to: temporary(part))
            for (name, _) in names { map[name] = .string(part) }
        }
        try Files.remove(temporary("model.safetensors"))
        #expect(message(load).contains("model.safetensors.index.json"))
        let index: JSONValue = ["weight_map": .object(map)]
        try Files.replace(temporary("model.safetensors.index.json"), with: index.pretty())
        try load()
    }

    @Test func whatIsUnknownIsAskedFor() throws {
        let text = message {
            _ = try EmbeddingModel(loading: temporary.path, .encoding) { "the flag of \($0)" }
        }
        for setting in ["pooling", "normalize", "query.prompt", "document.maxLength"] {
            #expect(text.contains("the flag of \(setting)"))
        }
        var overrides = BertTests.overrides(.mean)
        overrides.query.maxLength = 25
        #expect(throws: Failure.self) {
            try EmbeddingModel(loading: temporary.path, .encoding, overrides: overrides)
        }
    }

    @Test(arguments: [
        #"[{"type": "sentence_transformers.models.Transformer", "path": ""}, {"type": "m.Dense", "path": "2_Dense"}]"#,
        #"[{"type": "sentence_transformers.models.Transformer", "path": ""}, {"type": "m.Pooling", "path": "../x"}]"#,
        #"[{"path": ""}]"#,
    ])
    func modulesWeDoNotHave(modules: String) throws {
        _ = try temporary.write(modules, to: "modules.json")
        #expect(throws: InputError.self) { try load() }
    }

    @Test(arguments: [
        #"{"schema": "tvt.model-card/2"}"#, #"{"schema": "tvt.model-card/1", "family": "bert"}"#, "[]", "{",
        #"""
        {"schema": "tvt.model-card/1", "family": "bert", "pooling": "mean", "normalize": true, "dims": 32,
         "query": {"prompt": "", "maxLength": 8}, "document": {"prompt": "", "maxLength": 8},
         "rendering": "title + \" \" + text", "surprise": 1}
        """#,
    ])
    func cardsThatCannotBeRead(card: String) throws {
        _ = try temporary.write(card, to: "tvt.json")
        #expect(throws: InputError.self) { try load() }
    }

    @Test func tokenizersWithTooManyIDs() throws {
        var tokenizer = try JSONValue.parse(file: temporary("tokenizer.json")).object!
        var model = tokenizer["model"]!.object!
        var vocabulary = model["vocab"]!.object!
        vocabulary["surprise"] = 120
        model["vocab"] = .object(vocabulary)
        tokenizer["model"] = .object(model)
        try Files.replace(temporary("tokenizer.json"), with: JSONValue.object(tokenizer).pretty())
        #expect(message(load).contains("120"))
    }
}
