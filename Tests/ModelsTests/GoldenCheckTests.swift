import Base
import Engine
import JSON
import Models
import Records
import SystemPackage
import Tensors
import TestKit
import Testing

/// A folder with golden vectors, and what happens when something of it changes.
struct GoldenCheckTests {
    static let adapter = Golden()("tiny-adapter")
    let temporary: TemporaryFolder
    let folder: FilePath

    /// The tiny BERT with a card, in a folder of its own.
    init() throws {
        temporary = try TemporaryFolder()
        folder = temporary("model")
        for name in try Files.list(BertTests.folder) {
            _ = try temporary.write(Files.readAll(BertTests.folder.appending(name)), to: "model/\(name)")
        }
        let card = ModelCard(
            family: "bert", pooling: .mean, normalize: true, dims: 32, query: .init(prompt: "the ", maxLength: 24),
            document: .init(prompt: "", maxLength: 24))
        _ = try temporary.write(card.json.pretty(), to: "model/tvt.json")
    }

    func load(_ overrides: ModelCard.Overrides = .init(), adapter: FilePath? = nil) throws -> EmbeddingModel {
        try EmbeddingModel(loading: folder, .encoding, overrides: overrides, adapter: adapter)
    }

    func writeGolden(_ adapter: FilePath? = nil) throws {
        let model = try load(adapter: adapter)
        try GoldenCheck.vectors(of: model, tool: "test 1").write(to: GoldenCheck.file(of: model))
    }

    /// Replaces fields of the golden file.
    func edit(_ change: (inout JSONObject) -> Void) throws {
        let file = folder.appending(GoldenVectors.fileName)
        var object = try JSONValue.parse(file: file).object!
        change(&object)
        try Files.replace(file, with: JSONValue.object(object).canonical())
    }

    /// Replaces a field of the file's first text.
    func editText(_ field: String, _ value: JSONValue) throws {
        try edit { object in
            var texts = object["texts"]!.array!
            var text = texts[0].object!
            text[field] = value
            texts[0] = .object(text)
            object["texts"] = .array(texts)
        }
    }

    func expectRefusal(
        _ status: Base.ExitStatus, naming words: String..., at location: SourceLocation = #_sourceLocation
    )
        throws
    {
        let error = #expect(throws: InputError.self, sourceLocation: location) { try GoldenCheck.run(load()) }
        guard let error else { return }
        #expect(error.exitStatus == status, "\(error)", sourceLocation: location)
        for word in [GoldenVectors.fileName] + words {
            #expect(error.description.contains(word), "\(error)", sourceLocation: location)
        }
    }

    @Test func aFolderWithoutTheFileIsNotChecked() throws {
        #expect(try GoldenCheck.run(load()) == nil)
    }

    @Test func vectorsAreReadAsTheyWereWritten() throws {
        let made = try GoldenCheck.vectors(of: load(), tool: "test 1")
        #expect(made.entries.count == 4 && Set(made.entries.map(\.role)) == [.query, .document])
        #expect(made.dims == 32 && made.kind == .f32 && made.normalize && made.queryPrompt == "the ")
        try made.write(to: temporary("golden"))
        #expect(try GoldenVectors(file: temporary("golden")) == made)
    }

    @Test func theSameModelPasses() throws {
        try writeGolden()
        let report = try #require(try GoldenCheck.run(load()))
        #expect(report.leastCosine > 0.999999 && report.note == nil && report.textCount == 4)
        #expect(report.threshold == 0.999)
    }

    @Test func typesOf16BitsPassWithLess() {
        #expect(GoldenCheck.threshold(made: .f32, loaded: .float32) == 0.999)
        #expect(GoldenCheck.threshold(made: .f32, loaded: .bfloat16) == 0.99)
        #expect(GoldenCheck.threshold(made: .f16, loaded: .float32) == 0.99)
    }

    @Test func changedWeightsAreRefused() throws {
        try writeGolden()
        let file = folder.appending("model.safetensors")
        var bytes = try Files.readAll(file)
        // Other signs in the second half: all numbers stay finite.
        for index in stride(from: bytes.count - 1, to: bytes.count / 2, by: -4) { bytes[index] ^= 0x80 }
        try Files.replace(file, with: bytes)
        try expectRefusal(.badData, naming: "texts.", "cosine", "0.999", "tvt-model golden")
    }

    @Test func aChangedTokenizerIsNamed() throws {
        try writeGolden()
        let file = folder.appending("tokenizer.json")
        let text = try Files.readText(file)
        let changed = text.replacing("\"##r\": 63", with: "\"##r\": 72").replacing(
            "\"word0\": 72", with: "\"word0\": 63")
        #expect(changed != text)
        try Files.replace(file, with: changed)
        try expectRefusal(.badData, naming: ".ids", "the tokenizer has changed")
    }

    @Test func aChangedCardIsNamed() throws {
        try writeGolden()
        let file = folder.appending("tvt.json")
        let text = try Files.readText(file)
        for (old, new, word) in [
            ("\"the \"", "\"the  \"", "prompts.query"), ("\"mean\"", "\"cls\"", "pooling"),
            ("true", "false", "normalize"),
        ] {
            try Files.replace(file, with: text.replacing(old, with: new))
            try expectRefusal(.badData, naming: word)
        }
    }

    /// What the user asks for is no change of the folder.
    @Test func wordsOfTheUserAreNoChange() throws {
        try writeGolden()
        let other = ModelCard.Overrides(normalize: false, query: .init(prompt: "a ", maxLength: 5))
        let report = try #require(try GoldenCheck.run(load(other)))
        #expect(report.leastCosine > 0.999999 && report.note == nil)
        let pooled = try #require(try GoldenCheck.run(load(ModelCard.Overrides(pooling: .cls))))
        #expect(try #require(pooled.note).contains("cls"))
        // Of another size, too.
        let joined = Poolings([.cls, .mean])
        #expect(try #require(try GoldenCheck.run(load(ModelCard.Overrides(pooling: joined)))).note != nil)
    }

    /// A folder of others in the place of the tiny BERT.
    func assemble(_ name: String) throws {
        try Files.removeTree(folder)
        let source = OthersFoldersTests.golden.appending(name)
        for name in try Files.list(source) {
            let path = source.appending(name)
            let files = Files.isDirectory(path) ? try Files.list(path).map { "\(name)/\($0)" } : [name]
            for file in files {
                _ = try temporary.write(Files.readAll(source.pushing(FilePath(file))), to: "model/\(file)")
            }
        }
    }

    /// Whatever makes the vectors; and a card that is written beside the files of others means the same.
    @Test(arguments: [
        "st6-bert-dense-residual", "st6-bert-dense-on-tokens", "st6-bert-layer-norm", "st6-bert-all-poolings",
        "st6-bert-include-prompt-false", "st6-bert-truncate-dim", "st3-legacy-types", "st6-qwen3-last-instruction",
    ])
    func foldersOfOthersPassWithAndWithoutACard(name: String) throws {
        try assemble(name)
        try writeGolden()
        #expect(try #require(try GoldenCheck.run(load())).leastCosine > 0.999999)
        let card = try load().card
        _ = try temporary.write(card.json.pretty(), to: "model/tvt.json")
        let again = try load()
        #expect(again.card == card)
        #expect(try #require(try GoldenCheck.run(again)).leastCosine > 0.999999)
    }

    @Test func attentionAndEndsOfTextsAreCompared() throws {
        try assemble("st6-qwen3-last-instruction")
        try writeGolden()
        let other = try #require(try GoldenCheck.run(load(ModelCard.Overrides(attention: .bidirectional))))
        #expect(try #require(other.note).contains("bidirectional"))
        // An end of text that is asked for in this call is no change of the folder.
        for end in ModelCard.EndOfText.allCases {
            guard let model = try? load(ModelCard.Overrides(endOfText: end)) else { continue }
            #expect(try #require(try GoldenCheck.run(model)).leastCosine > 0.999999)
        }
        var card = try load().card
        card.attention = .bidirectional
        _ = try temporary.write(card.json.pretty(), to: "model/tvt.json")
        try expectRefusal(.badData, naming: "attention", "bidirectional")
        try writeGolden()
        #expect(try #require(try GoldenCheck.run(load())).note == nil)
    }

    @Test func anAdapterHasItsOwn() throws {
        try writeGolden()
        let adapter = temporary("adapter")
        for name in try Files.list(Self.adapter) {
            _ = try temporary.write(Files.readAll(Self.adapter.appending(name)), to: "adapter/\(name)")
        }
        // Its base's vectors are others.
        #expect(try GoldenCheck.run(load(adapter: adapter)) == nil)
        try writeGolden(adapter)
        #expect(try #require(try GoldenCheck.run(load(adapter: adapter))).leastCosine > 0.999999)
        // The base alone does not give them.
        let file = adapter.appending(GoldenVectors.fileName)
        #expect(throws: InputError.self) { try GoldenCheck.run(load(), file: file) }
    }

    @Test func otherDimsAreNamed() throws {
        try writeGolden()
        try edit { object in
            object["dims"] = 2
            object["texts"] = .array(
                object["texts"]!.array!.map { text in
                    var fields = text.object!
                    fields["vector"] = [0.5, 0.5]
                    return .object(fields)
                })
        }
        try expectRefusal(.badData, naming: "dims", "2", "32")
    }

    @Test func aFileThatIsNoneIsRefused() throws {
        try writeGolden()
        let file = folder.appending(GoldenVectors.fileName)
        let whole = try Files.readAll(file)
        for (field, value): (String, JSONValue) in [
            ("schema", "tvt.golden/2"), ("dtype", "int8"), ("dims", 0), ("texts", []), ("texts", nil),
            ("prompts", ["query": ""]), ("surprise", 1), ("normalize", "yes"), ("eos", "maybe"), ("attention", "none"),
        ] {
            try Files.replace(file, with: whole)
            try edit { $0[field] = value }
            try expectRefusal(.badConfiguration, naming: field)
        }
        let short: JSONValue = [0.5]
        let zeros = JSONValue.array(Array(repeating: 0, count: 32))
        for (field, value): (String, JSONValue) in [
            ("role", "passage"), ("text", 1), ("ids", []), ("ids", [-1]), ("ids", [4_294_967_296]), ("vector", short),
            ("vector", zeros), ("vector", "0.5"), ("surprise", 1),
        ] {
            try Files.replace(file, with: whole)
            try editText(field, value)
            try expectRefusal(.badConfiguration, naming: "texts.0.\(field)")
        }
    }

    @Test func everyTruncationIsRefused() throws {
        try writeGolden()
        let file = folder.appending(GoldenVectors.fileName)
        let whole = try Files.readAll(file)
        let model = try load()
        for length in stride(from: 0, to: whole.count - 1, by: 97) {
            try Files.replace(file, with: Array(whole[..<length]))
            #expect(throws: (any Error).self, "\(length)") { try GoldenCheck.run(model) }
        }
    }
}
