import Base
import JSON
import Models
import SystemPackage
import Tensors
import TestKit
import Testing

/// PEFT's rules about names of modules, and what it merges of each kind of adapter.
struct AdapterTests {
    static let golden = Golden()
    let reference: JSONValue
    let temporary: TemporaryFolder

    init() throws {
        reference = try JSONValue.parse(file: AdapterTests.golden("adapters.json"))
        temporary = try TemporaryFolder()
    }

    private func configuration(_ fields: JSONValue) throws -> LoRAConfiguration {
        var config: JSONObject = ["peft_type": "LORA", "r": 2, "lora_alpha": 4]
        for (field, value) in fields.object ?? [:] { config[field] = value }
        return try LoRAConfiguration(
            file: temporary.write(JSONValue.object(config).pretty(), to: "adapter_config.json"))
    }

    @Test("the same modules have adapters as in PEFT, with the same ranks and scales")
    func patterns() throws {
        let modules = try #require(reference["modules"]?.array).compactMap(\.string)
        let cases = try #require(reference["patterns"]?.array)
        #expect(modules.count == 12 * 7 + 1 && cases.count == 48)
        for value in cases {
            let fields = try #require(value["fields"])
            let configuration = try configuration(fields)
            let prefix = try #require(value["prefix"]?.string)
            var expected = try #require(value["adapted"]?.object)
            for module in modules {
                let name = prefix + module
                let isTarget = try configuration.isTarget(name, isLinear: module != "embed_tokens")
                let pair = expected[name]?.array
                #expect(isTarget == (pair != nil), "\(fields): \(name)")
                guard let pair, isTarget else { continue }
                #expect(try configuration.rank(of: name) == pair[0].integer, "\(fields): \(name)")
                #expect(try configuration.scale(of: name) == pair[1].double, "\(fields): \(name)")
                expected[name] = nil
            }
            #expect(expected.isEmpty, "\(fields)")
        }
    }

    private static let kinds = [
        "plain", "rslora", "dora", "dora-rslora", "lora-bias", "embedding", "dora-embedding", "bias-all",
        "bias-lora-only", "modules-to-save", "tokens", "tokens-list", "parameters",
    ]

    private func load(_ type: ElementType, adapter: FilePath? = nil) throws -> EmbeddingModel {
        for (source, name) in [
            ("Adapters/base/config.json", "config.json"), ("Adapters/base/model.safetensors", "model.safetensors"),
            ("tiny-bert/tokenizer.json", "tokenizer.json"),
        ] {
            _ = try temporary.write(Files.readAll(AdapterTests.golden(source)), to: "base/\(name)")
        }
        let side = ModelCard.Overrides.Side(prompt: "", maxLength: 8)
        return try EmbeddingModel(
            loading: temporary("base"), .training,
            overrides: ModelCard.Overrides(pooling: .mean, normalize: false, query: side, document: side),
            adapter: adapter, type: type)
    }

    /// In bfloat16 both round once; products are summed in another order, so that few values may be one step apart.
    @Test("merged weights are PEFT's", arguments: kinds, [ElementType.float32, .bfloat16])
    func merges(kind: String, type: ElementType) throws {
        let name = "\(kind)-\(type == .float32 ? "float32" : "bfloat16")"
        let expected = try #require(reference["merged"]?[name]?.object)
        let plain = try load(type)
        let merged = try load(type, adapter: AdapterTests.golden("Adapters/\(kind)"))
        var changedCount = 0
        for (before, after) in zip(plain.text.parameters, merged.text.parameters) {
            #expect(before.name == after.name && before.tensor.elementType == after.tensor.elementType)
            let values = try after.tensor.floats()
            guard let wanted = expected[after.name]?.array?.map({ Float($0.double!) }) else {
                #expect(try values == before.tensor.floats(), "\(after.name) is not changed in PEFT")
                continue
            }
            changedCount += 1
            try #require(values.count == wanted.count)
            let step: Float = type == .float32 ? 1e-6 : 1.0 / 128
            let apart = zip(values, wanted).filter { abs($0 - $1) > step * max(abs($1), 0.1) }
            #expect(apart.isEmpty, "\(after.name): \(apart.prefix(3))")
            if type == .bfloat16 {
                let different = zip(values, wanted).count { $0 != $1 }
                #expect(different * 50 <= values.count, "\(after.name): \(different) of \(values.count)")
            }
        }
        #expect(changedCount == expected.count)
    }

    @Test(
        "only A and B at linear layers can be trained on; others are refused by the field",
        arguments: [
            ("dora", "use_dora"), ("dora-embedding", "use_dora"), ("lora-bias", "lora_bias"), ("bias-all", "bias"),
            ("bias-lora-only", "bias"), ("modules-to-save", "modules_to_save"), ("tokens", "trainable_token_indices"),
            ("parameters", "target_parameters"), ("embedding", "target_modules"),
        ])
    func trainsPlainAdaptersAlone(kind: String, field: String) throws {
        let model = try load(.float32)
        let error = try #require(throws: InputError.self) {
            try model.text.loadAdapters(AdapterTests.golden("Adapters/\(kind)"), trainable: true)
        }
        #expect(error.place.field == field && error.exitStatus == .badConfiguration)
        #expect(model.text.trainableParameters.isEmpty)
        try model.text.loadAdapters(AdapterTests.golden("Adapters/rslora"), trainable: true)
        #expect(model.text.trainableParameters.count == 3 * 2)
    }

    /// The names of a class with a head, where they stand in the file and where the patterns look for them.
    @Test("prefixes are those of the class that was trained")
    func prefixes() throws {
        let source = AdapterTests.golden("Adapters/plain")
        let file = try SafetensorsFile(source.appending("adapter_model.safetensors"))
        try Files.makeDirectory(temporary("adapter"))
        try SafetensorsWriter.write(
            file.names.map { name in
                ("base_model.model.bert.\(name.dropFirst("base_model.model.".count))", try file.tensor(name))
            }, to: temporary("adapter/adapter_model.safetensors"))
        var config = try JSONValue.parse(file: source.appending("adapter_config.json")).object!
        let expected = try load(.float32, adapter: source).text.parameters.map { try $0.tensor.floats() }
        for (pattern, isKnown) in [
            (#"bert\..*(query|output\.dense)"#, true), (#"encoder\..*(query|output\.dense)"#, false),
        ] {
            config["target_modules"] = .string(pattern)
            _ = try temporary.write(JSONValue.object(config).pretty(), to: "adapter/adapter_config.json")
            if isKnown {
                let model = try load(.float32, adapter: temporary("adapter"))
                #expect(try model.text.parameters.map { try $0.tensor.floats() } == expected)
            } else {
                #expect(throws: InputError.self) { try load(.float32, adapter: temporary("adapter")) }
            }
        }
    }

    @Test("all linear layers are written as a list of whole names")
    func savedTargets() throws {
        let model = try load(.float32)
        let configuration = LoRAConfiguration(rank: 2, alpha: 4, dropout: 0, targets: .allLinear)
        try model.text.addAdapters(configuration, seed: 1)
        try model.text.saveAdapters(configuration, baseModel: "base", to: temporary.path)
        let written = try JSONValue.parse(file: temporary("adapter_config.json"))["target_modules"]?.array
        #expect(written?.compactMap(\.string) == model.text.linearLayers.map(\.name))
        let read = try model.text.readAdapters(temporary.path)
        #expect(Set(read.keys) == Set(model.text.trainableParameters.map(\.name)))
    }
}
