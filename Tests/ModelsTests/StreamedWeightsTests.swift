import Base
import Engine
import JSON
import Models
import SystemPackage
import Tensors
import TestKit
import TestModels
import Testing

/// Weights that are read from their files each time that they are computed with.
struct StreamedWeightsTests {
    let temporary: TemporaryFolder

    init() throws { temporary = try TemporaryFolder() }

    func load(
        _ folder: FilePath, _ residency: WeightResidency, _ purpose: EmbeddingModel.Purpose = .encoding,
        type: ElementType = .float32, adapter: FilePath? = nil, quantizes: Bool = false
    ) throws -> EmbeddingModel {
        let side = ModelCard.Overrides.Side(prompt: "", maxLength: 8)
        return try EmbeddingModel(
            loading: folder, purpose,
            overrides: .init(pooling: Poolings(.mean), normalize: true, query: side, document: side), adapter: adapter,
            type: type, quantizes: quantizes, residency: residency)
    }

    /// Writes the weights of a folder in another type.
    func convert(_ folder: FilePath, to type: ElementType) throws {
        let path = folder.appending("model.safetensors")
        let file = try SafetensorsFile(path)
        let tensors = try file.names.map { (name: $0, tensor: try file.tensor($0).to(type)) }
        try SafetensorsWriter.write(tensors, to: temporary("converted"))
        try Files.replace(path, with: Files.readAll(temporary("converted")))
    }

    @Test(arguments: GeneratedModel.names, [EmbeddingModel.Purpose.encoding, .training])
    func vectorsAreTheSame(name: String, purpose: EmbeddingModel.Purpose) throws {
        let generated = try GeneratedModel(name)
        let folder = temporary("model")
        try generated.write(to: folder)
        let packed = PackedBatch(generated.texts)
        for type in [ElementType.float32, .bfloat16] {
            try convert(folder, to: type)
            let resident = try load(folder, .resident, purpose)
            let streamed = try load(folder, .streamed, purpose)
            #expect(streamed.text.isStreamed && !resident.text.isStreamed)
            for parameter in streamed.parameters where parameter.isStreamed {
                #expect(parameter.tensor.elementType == type, "\(parameter.name)")
            }
            let wanted = try resident.encode(packed).floats()
            // The second time nothing is left of the first.
            for _ in 0..<2 { #expect(try streamed.encode(packed).floats() == wanted, "\(name), \(type)") }
        }
    }

    @Test(arguments: GeneratedModel.names, BlockwiseEncoder.Trace.allCases)
    func gradientsOfAdaptersAreTheSame(name: String, trace: BlockwiseEncoder.Trace) throws {
        let generated = try GeneratedModel(name)
        try generated.write(to: temporary("model"))
        let gradients = try WeightResidency.allCases.map { residency in
            let model = try load(temporary("model"), residency, .training)
            let targets = model.text.defaultTargets
            try model.text.addAdapters(
                LoRAConfiguration(rank: 2, alpha: 4, dropout: 0, targets: ModulePattern(names: targets)), seed: 3)
            return try generated.gradients(model, trace)
        }
        #expect(!gradients[0].isEmpty && gradients[0].keys == gradients[1].keys)
        for (name, gradient) in gradients[0] {
            #expect(try gradients[1][name]!.floats() == gradient.floats(), "\(name)")
        }
    }

    /// Kilobytes of a file that the process has in memory.
    private func residentKilobytes(of path: FilePath) throws -> Int {
        var total = 0
        var isOfFile = false
        for line in try Files.readText("/proc/self/smaps").split(separator: "\n") {
            let words = line.split(separator: " ", omittingEmptySubsequences: true)
            if words[0].contains("-") && !words[0].hasSuffix(":") {
                isOfFile = line.hasSuffix(path.string)
            } else if isOfFile, words[0] == "Rss:" {
                total += Int(words[1])!
            }
        }
        return total
    }

    /// Eight layers of 12 MB each.
    private func wideFolder() throws -> FilePath {
        let source = temporary("wide-source")
        try GeneratedModel("qwen3").write(to: source)
        try Files.remove(source.appending("model.safetensors"))
        let config = source.appending("config.json")
        var values = try #require(JSONValue.parse(file: config).object)
        values["hidden_size"] = 512
        values["intermediate_size"] = 1536
        values["num_hidden_layers"] = 8
        values["num_attention_heads"] = 8
        values["num_key_value_heads"] = 8
        values["head_dim"] = 64
        values["layer_types"] = nil
        try Files.replace(config, with: JSONValue.object(values).pretty())
        let side = ModelCard.Overrides.Side(prompt: "", maxLength: 8)
        let folder = temporary("wide")
        _ = try RandomModel(
            like: source, overrides: .init(pooling: Poolings(.mean), normalize: true, query: side, document: side)
        ).write(seed: 1, to: folder)
        return folder
    }

    @Test(arguments: [EmbeddingModel.Purpose.encoding, .training])
    func whatHasRunIsNotInMemory(purpose: EmbeddingModel.Purpose) throws {
        let folder = try wideFolder()
        let file = folder.appending("model.safetensors")
        let size = try Files.size(file) / 1024
        #expect(size > 90_000)
        let model = try load(folder, .streamed, purpose)
        // Of each tensor at most the pages that it shares with its neighbours.
        #expect(try residentKilobytes(of: file) < size / 50)
        let packed = PackedBatch([ModelInput(tokens: [1, 2, 3]), ModelInput(tokens: [4])])
        let vectors = try model.encode(packed).floats()
        #expect(try residentKilobytes(of: file) < size / 50)
        #expect(vectors.allSatisfy(\.isFinite) && Set(vectors).count > 1)
        guard purpose == .training else { return }
        try model.text.addAdapters(
            LoRAConfiguration(rank: 2, alpha: 4, dropout: 0, targets: ModulePattern(names: model.text.defaultTargets)),
            seed: 3)
        let encoder = BlockwiseEncoder(model: model.text, head: model.head)
        let sums = GradientSums(count: encoder.parameters.count)
        let pass = try encoder.forward([ModelInput(tokens: [1, 2, 3])], trace: .recompute)
        let ones = try Tensor([Float](repeating: 1, count: 512), shape: [1, 512])
        try encoder.backward(pass, vectorGradients_UD: ones, into: sums)
        #expect(sums.take().allSatisfy { $0 != nil })
        #expect(try residentKilobytes(of: file) < size / 50)
        let resident = try load(folder, .resident, purpose)
        _ = try resident.encode(packed)
        #expect(try residentKilobytes(of: file) > size / 2)
    }

    @Test func whatCannotBeStreamedIsRefused() throws {
        let folder = temporary("model")
        let generated = try GeneratedModel("bert")
        try generated.write(to: folder)
        try generated.writeAdapter(to: temporary("adapter"))
        let rounded = try #require(throws: Failure.self) { try load(folder, .streamed, type: .bfloat16) }
        #expect(rounded.exitStatus == .usage && rounded.description.contains("not rounded to bfloat16"), "\(rounded)")
        #expect(rounded.description.contains("Compute in float32, or"), "\(rounded)")
        let merged = try #require(throws: Failure.self) { try load(folder, .streamed, adapter: temporary("adapter")) }
        #expect(merged.exitStatus == .usage && merged.description.contains("adapter"), "\(merged)")
        let quantized = try #require(throws: Failure.self) { try load(folder, .streamed, quantizes: true) }
        #expect(quantized.exitStatus == .usage && quantized.description.contains("8 bits"), "\(quantized)")
    }
}
