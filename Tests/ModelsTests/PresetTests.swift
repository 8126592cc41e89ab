import Base
import JSON
import Models
import Records
import SystemPackage
import TestKit
import Testing

/// What a folder's files leave open, and where answers come from.
struct PresetTests {
    let temporary: TemporaryFolder
    let folder: FilePath

    /// The tiny BERT, which says nothing.
    init() throws {
        temporary = try TemporaryFolder()
        folder = temporary("model")
        for name in try Files.list(BertTests.folder) {
            _ = try temporary.write(Files.readAll(BertTests.folder.appending(name)), to: "model/\(name)")
        }
    }

    func load(_ overrides: ModelCard.Overrides = .init()) throws -> EmbeddingModel {
        try EmbeddingModel(loading: folder, .training, overrides: overrides)
    }

    static func asking(_ name: String) -> ModelCard.Overrides {
        var overrides = ModelCard.Overrides()
        overrides.preset = ModelPreset.named(name)
        return overrides
    }

    @Test func namesAreUniqueAndFamiliesKnown() {
        #expect(Set(ModelPreset.names).count == ModelPreset.all.count)
        let models = ModelPreset.all.flatMap(\.models)
        #expect(Set(models).count == models.count && models.allSatisfy { $0.split(separator: "/").count == 2 })
        for preset in ModelPreset.all {
            #expect(preset.query.maxLength > 0 && preset.document.maxLength > 0 && !preset.families.isEmpty)
            #expect(ModelPreset.named(preset.name) == preset)
        }
        #expect(ModelPreset.named("bge") == nil)
    }

    @Test func withoutAWordTheFolderIsRefusedAndPresetsAreListed() throws {
        let error = #expect(throws: Failure.self) { try load() }
        #expect(error?.advice?.contains("bge-en-v1.5") == true && error?.advice?.contains("bge-m3") == false)
    }

    @Test func askedForAPresetSaysAll() throws {
        let model = try load(Self.asking("bge-en-v1.5"))
        #expect(model.card.pooling == .cls && model.card.normalize && model.card.document.prompt.isEmpty)
        #expect(model.card.query.prompt == "Represent this sentence for searching relevant passages: ")
        // The model has positions for no more.
        #expect(model.card.query.maxLength == 24)
        #expect(model.sources[.pooling] == .preset("bge-en-v1.5", namedAt: nil))
    }

    @Test func theUserWinsOverAPreset() throws {
        var overrides = Self.asking("bge-en-v1.5")
        overrides.query.prompt = "q: "
        let model = try load(overrides)
        #expect(model.card.query.prompt == "q: " && model.card.pooling == .cls)
        #expect(model.sources[.prompt(.query)] == .user)
    }

    /// What decoders need beside pooling: the direction of attention, the end of texts, the template of instructions.
    @Test func presetsOfDecodersSayMore() throws {
        func load(_ name: String, _ instruction: String?) throws -> EmbeddingModel {
            var overrides = Self.asking(name)
            overrides.instruction = instruction
            return try EmbeddingModel(
                loading: OthersFoldersTests.golden.appending("st6-qwen2-mean-sqrt-len"), .training, overrides: overrides
            )
        }
        let model = try load("gte-qwen2", nil)
        #expect(model.card.pooling == .last && model.card.attention == .bidirectional)
        #expect(model.attention == .bidirectional)
        #expect(model.sources[.attention] == .preset("gte-qwen2", namedAt: nil))
        #expect(model.sources[.instruction] == .preset("gte-qwen2", namedAt: nil))
        #expect(model.card.instruction?.task.hasPrefix("Given a web search query") == true)
        let isAppended = !model.tokenizer.endsTexts && model.tokenizer.endOfTextID != nil
        #expect(model.card.endOfText == (isAppended ? .append : .tokenizer))
        // The preset's template, space included, with the user's task.
        let asked = try load("gte-qwen2", "find tea")
        #expect(asked.card.query.prompt == "Instruct: find tea\nQuery: ")
        #expect(asked.sources[.prompt(.query)] == .user && asked.sources[.instruction] == .user)
    }

    @Test func templatesOfPresetsMakeTheirPrompts() {
        for preset in ModelPreset.all where preset.query.prompt.hasPrefix("Instruct: ") {
            #expect(preset.instruction?.prompt == preset.query.prompt)
        }
        #expect(ModelPreset.all.allSatisfy { ($0.instruction == nil) == !$0.query.prompt.hasPrefix("Instruct: ") })
    }

    @Test func aPresetOfAnotherFamilyIsRefused() throws {
        let error = #expect(throws: Failure.self) { try load(Self.asking("bge-m3")) }
        #expect(error?.exitStatus == .badConfiguration && error?.message.contains("xlm-roberta") == true)
    }

    @Test(arguments: [
        "model-index:\n- name: e5-base-v2\n  results: []\n",
        "tags:\n- mteb\nmodel-index:\n  - name: intfloat/e5-base-v2\n",
    ])
    func aReadmeNamesItsModel(frontMatter: String) throws {
        _ = try temporary.write("---\n\(frontMatter)---\n# E5\n", to: "model/README.md")
        let model = try load()
        #expect(model.card.pooling == .mean && model.card.document.prompt == "passage: ")
        #expect(model.notes.contains { $0.contains("e5-v2") && $0.contains("README.md") })
        guard case .preset("e5-v2", namedAt: let place?)? = model.sources[.pooling] else {
            Issue.record("\(model.sources)")
            return
        }
        #expect(place.path.hasSuffix("README.md") && place.field == "model-index")
    }

    @Test(arguments: [
        "model-index:\n- results: []\nname: e5-base-v2\n", "name: e5-base-v2\n", "model-index:\n- name: other\n",
    ])
    func otherReadmesNameNothing(frontMatter: String) throws {
        _ = try temporary.write("---\n\(frontMatter)---\n# e5-base-v2\n", to: "model/README.md")
        #expect(throws: Failure.self) { try load() }
    }

    @Test func theConfigurationNamesItsModel() throws {
        let path = folder.appending("config.json")
        var config = try JSONValue.parse(file: path).object!
        config["_name_or_path"] = "BAAI/bge-small-en-v1.5"
        try Files.replace(path, with: JSONValue.object(config).pretty())
        #expect(try load().card.pooling == .cls)
    }

    /// Named by the folder, a preset fills gaps; asked for, it wins and a note tells.
    @Test func filesWinOverAPresetThatNobodyAskedFor() throws {
        let card = ModelCard(
            family: "bert", pooling: .mean, normalize: false, dims: 32, query: .init(prompt: "", maxLength: 20),
            document: .init(prompt: "", maxLength: 24))
        _ = try temporary.write(card.json.pretty(), to: "model/tvt.json")
        _ = try temporary.write("---\nmodel-index:\n- name: bge-base-en-v1.5\n---\n", to: "model/README.md")
        let plain = try load()
        #expect(plain.card == card && plain.notes.isEmpty)
        guard case .file(let place)? = plain.sources[.maxLength(.query)] else {
            Issue.record("\(plain.sources)")
            return
        }
        #expect(place.path.hasSuffix("tvt.json") && place.field == "query.maxLength")
        let asked = try load(Self.asking("bge-en-v1.5"))
        #expect(asked.card.pooling == .cls && asked.card.normalize)
        #expect(asked.notes.contains { $0.contains("pooling is \"cls\"") && $0.contains("\"mean\"") })
    }

    @Test func sentenceTransformersFilesAreNamed() throws {
        let model = try EmbeddingModel(loading: Golden()("Folders/plain"), .training)
        guard case .file(let place)? = model.sources[.pooling] else {
            Issue.record("\(model.sources)")
            return
        }
        #expect(place.path.hasSuffix("1_Pooling/config.json"))
        let dense = try EmbeddingModel(
            loading: OthersFoldersTests.golden.appending("st6-bert-dense-tanh"), .training)
        guard case .file(let modules)? = dense.sources[.layers] else {
            Issue.record("\(dense.sources)")
            return
        }
        #expect(modules.path.hasSuffix("modules.json"))
        let named = try EmbeddingModel(
            loading: Golden()("Folders/plain"), .training, overrides: .init(normalize: true, endOfText: .append))
        #expect(named.sources[.endOfText] == .user && named.sources[.normalize] == .user)
    }
}
