import Base
import Engine
import Foundation
import JSON
import Models
import Records
import SystemPackage
import Tensors
import TestKit
import Testing

/// Folders that sentence-transformers 3, 5 and 6, transformers 4 and 5, and PEFT saved: the ids and the vectors that their
/// makers gave, whatever the folder is loaded for; what is damaged or not understood is refused by name.
struct OthersFoldersTests {
    static let golden = Golden()("folders")
    let temporary: TemporaryFolder

    init() throws { temporary = try TemporaryFolder() }

    /// Every folder with something to compare with.
    static let names = ((try? Files.list(golden)) ?? []).filter {
        Files.exists(golden.appending($0).appending("expected.json"))
    }.sorted()

    /// What sentence-transformers saved as whole models.
    static let ofSentenceTransformers = names.filter { $0.hasPrefix("st") && $0 != "st5-adapter-in-root" }

    // MARK: What is expected

    func expected(_ name: String) throws -> JSONValue {
        try JSONValue.parse(pythonFile: Self.golden.appending(name).appending("expected.json"))
    }

    /// What no file of the folder says.
    func overrides(_ expected: JSONValue) -> ModelCard.Overrides {
        guard let how = expected["how"], let pooling = how["pooling"]?.string else { return .init() }
        let side = ModelCard.Overrides.Side(prompt: "", maxLength: how["max_length"]?.integer)
        return ModelCard.Overrides(
            pooling: Poolings(rawValue: pooling), normalize: how["normalize"]?.bool, query: side, document: side)
    }

    func expectEqual(
        _ model: EmbeddingModel, _ expected: JSONValue, _ name: String, checksIDs: Bool = true,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        for role in Role.allCases {
            let key = role == .query ? "query" : "document"
            let texts = try #require(expected["texts"]?[key]?.array).map { Array($0.string!.utf8) }
            if checksIDs {
                let ids = try #require(expected["ids"]?[key]?.array).map { $0.array!.map { Int32($0.integer!) } }
                for (text, wanted) in zip(texts, ids) {
                    #expect(try model.tokenize(text, as: role) == wanted, "\(name)", sourceLocation: sourceLocation)
                }
            }
            let rows = try #require(expected["vectors"]?[key]?.array).map { $0.array!.map { Float($0.double!) } }
            let vectors = try model.encode(model.pack(texts, as: role))
            try #require(vectors.shape == [rows.count, rows[0].count], "\(name)", sourceLocation: sourceLocation)
            let got = try vectors.floats()
            for (row, wanted) in rows.enumerated() {
                let own = Array(got[(row * wanted.count)..<((row + 1) * wanted.count)])
                let cosine = Self.cosine(own, wanted)
                #expect(cosine >= 0.99999, "\(name), \(key) \(row): \(cosine)", sourceLocation: sourceLocation)
                let largest = wanted.map(abs).max()!
                let difference = zip(own, wanted).map { abs($0 - $1) }.max()!
                #expect(difference <= 1e-4 * largest, "\(name), \(key) \(row)", sourceLocation: sourceLocation)
            }
        }
    }

    static func cosine(_ a: [Float], _ b: [Float]) -> Double {
        var product = 0.0
        var squares = (0.0, 0.0)
        for (x, y) in zip(a, b) {
            product += Double(x) * Double(y)
            squares = (squares.0 + Double(x) * Double(x), squares.1 + Double(y) * Double(y))
        }
        return product / (squares.0 * squares.1).squareRoot()
    }

    /// A folder, or an adapter on its base, that lies in `root`.
    func load(
        _ name: String, _ purpose: EmbeddingModel.Purpose, in root: FilePath = OthersFoldersTests.golden
    ) throws -> EmbeddingModel {
        let expected = try expected(name)
        let base = expected["base"]?.string
        return try EmbeddingModel(
            loading: root.appending(base ?? name), purpose, overrides: overrides(expected),
            adapter: base.map { _ in root.appending(name) })
    }

    // MARK: Folders as they are

    @Test func thereAreFoldersOfEveryKind() {
        for prefix in ["st3-", "st5-", "st6-", "t4-", "t5-", "base-", "peft-"] {
            #expect(Self.names.contains { $0.hasPrefix(prefix) }, "\(prefix)")
        }
    }

    @Test(arguments: names, [EmbeddingModel.Purpose.encoding, .training])
    func vectorsEqualTheMakers(name: String, purpose: EmbeddingModel.Purpose) throws {
        try expectEqual(load(name, purpose), expected(name), name)
    }

    /// The head's weights are trained with all others, and gradients reach them.
    @Test(arguments: ["st6-bert-dense-residual", "st6-bert-dense-on-tokens", "st6-bert-layer-norm"])
    func headsAreTrained(name: String) throws {
        let model = try load(name, .training)
        try model.trainAll()
        let encoder = BlockwiseEncoder(model: model.text, head: model.head)
        #expect(!model.head.parameters.isEmpty)
        #expect(encoder.parameters.map(\.name) == model.trainableParameters.map(\.name))
        #expect(Set(encoder.parameters.map(\.name)).count == encoder.parameters.count)
        let pass = try encoder.forward([[2, 60, 61, 3], [2, 62, 3]].map { ModelInput(tokens: $0) })
        let sums = GradientSums(count: encoder.parameters.count)
        let ones = try Tensor([Float](repeating: 1, count: pass.vectors_UD.elementCount), shape: pass.vectors_UD.shape)
        try encoder.backward(pass, vectorGradients_UD: ones, into: sums)
        let gradients = try sums.take(for: encoder.parameters)
        for (parameter, gradient) in zip(encoder.parameters, gradients) where parameter.name.hasPrefix("head.") {
            #expect(try gradient.floats().contains { $0 != 0 }, "\(parameter.name)")
        }
    }

    // MARK: Copies

    /// A copy means the same, with our card and without it.
    @Test(arguments: ofSentenceTransformers)
    func copiesMeanTheSame(name: String) throws {
        let model = try load(name, .training)
        let copy = temporary("copy")
        try model.save(model.card, to: copy)
        let again = try EmbeddingModel(loading: copy, .encoding)
        #expect(again.card == model.card)
        try expectEqual(again, expected(name), name)
        try Files.remove(copy.appending(ModelCard.fileName))
        try expectEqual(EmbeddingModel(loading: copy, .encoding), expected(name), name)
        // Weights are told apart by those of the head as well.
        if !model.head.parameters.isEmpty {
            let before = try EmbeddingModel.weightsDigest(copy)
            let weights = try Files.list(copy).map { copy.appending($0).appending("model.safetensors") }
            try Files.remove(#require(weights.first { Files.exists($0) }))
            #expect(try EmbeddingModel.weightsDigest(copy) != before)
        }
    }

    /// sentence-transformers itself loads copies, and gives the vectors that it gave for the originals. It runs where
    /// TVT_SENTENCE_TRANSFORMERS names a Python that has it.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["TVT_SENTENCE_TRANSFORMERS"] != nil))
    func sentenceTransformersLoadsCopies() throws {
        let python = try #require(ProcessInfo.processInfo.environment["TVT_SENTENCE_TRANSFORMERS"])
        for name in Self.ofSentenceTransformers {
            let model = try load(name, .training)
            try model.save(model.card, to: temporary("copies").appending(name))
        }
        let script = try temporary.write(
            """
            import json, sys, torch
            from pathlib import Path
            from sentence_transformers import SentenceTransformer
            for copy in sorted(Path(sys.argv[1]).iterdir()):
                expected = json.loads((Path(sys.argv[2]) / copy.name / "expected.json").read_text())
                model = SentenceTransformer(str(copy), device="cpu").float()
                for role, encode in [("query", model.encode_query), ("document", model.encode_document)]:
                    got = torch.tensor(encode(expected["texts"][role], show_progress_bar=False))
                    least = torch.nn.functional.cosine_similarity(got, torch.tensor(expected["vectors"][role])).min()
                    if not least >= 0.99999: sys.exit(f"{copy.name}, {role}: {least}")
            """, to: "compare.py")
        try Files.makeDirectory(temporary("copies"))
        let command = [python, script.string, temporary("copies").string, Self.golden.string]
            .map { "'\($0)'" }.joined(separator: " ")
        let result = try runShell("HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 " + command)
        #expect(result.status == 0, "\(result.errorText.suffix(2000))")
    }

    // MARK: Damaged and unknown

    static let bad = golden.appending("bad.json")

    /// Copies of the folders of a recipe, changed by its steps.
    func changed(_ recipe: FolderRecipe) throws {
        for name in [recipe.folder, recipe.adapter].compactMap({ $0 }) {
            let source = Self.golden.appending(name)
            for file in try Files.list(source) {
                let inner = Files.isDirectory(source.appending(file))
                for path in inner ? try Files.list(source.appending(file)).map({ "\(file)/\($0)" }) : [file] {
                    _ = try temporary.write(
                        Files.readAll(source.pushing(FilePath(path))), to: "\(name)/\(path)")
                }
            }
        }
        try recipe.apply(in: temporary.path)
    }

    func load(_ recipe: FolderRecipe, _ expected: JSONValue) throws -> EmbeddingModel {
        try EmbeddingModel(
            loading: temporary(recipe.folder), .encoding, overrides: overrides(expected),
            adapter: recipe.adapter.map { temporary($0) })
    }

    @Test(arguments: FolderRecipe.all("refused", in: bad))
    func badFoldersAreRefusedByName(recipe: FolderRecipe) throws {
        try changed(recipe)
        let expected = try expected(recipe.adapter ?? recipe.folder)
        let error = try #require(throws: (any Error).self) { try load(recipe, expected) }
        let text = "\(error)"
        #expect(![.success, .bug].contains(ExitStatus(for: error)), "\(recipe): \(text)")
        for name in recipe.names { #expect(text.contains(name), "\(recipe): \(text)") }
        if !recipe.alternatives.isEmpty {
            #expect(recipe.alternatives.contains { text.contains($0) }, "\(recipe): \(text)")
        }
    }

    @Test(arguments: FolderRecipe.all("harmless", in: bad))
    func harmlessChangesChangeNothing(recipe: FolderRecipe) throws {
        try changed(recipe)
        let name = recipe.adapter ?? recipe.folder
        try expectEqual(load(recipe, expected(name)), expected(name), "\(recipe)")
    }
}
