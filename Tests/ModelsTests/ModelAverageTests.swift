import Base
import JSON
import Models
import SystemPackage
import Tensors
import TestKit
import TestModels
import Testing

/// The weighted mean of models' weights: what it is, and what is refused.
struct ModelAverageTests {
    let temporary: TemporaryFolder

    init() throws { temporary = try TemporaryFolder() }

    /// Folders of others, as we save them, heads included.
    static let names = OthersFoldersTests.names.filter {
        !$0.hasPrefix("peft-") && !$0.hasPrefix("base-") && $0 != "st5-adapter-in-root"
    }

    static func weightFiles(_ folder: FilePath) throws -> [String] {
        try Files.list(folder).flatMap { name in
            if name.hasSuffix(".safetensors") { return [name] }
            guard Files.isDirectory(folder.appending(name)) else { return [] }
            return try Files.list(folder.appending(name)).filter { $0.hasSuffix(".safetensors") }.map {
                "\(name)/\($0)"
            }
        }
    }

    /// A copy of a folder, whose numbers are a tenth larger or smaller.
    func changedCopy(of folder: FilePath, to copy: FilePath, seed: UInt64) throws {
        try Files.makeDirectory(copy)
        for name in try Files.list(folder) {
            guard Files.isDirectory(folder.appending(name)) else {
                try Files.replace(copy.appending(name), with: Files.readAll(folder.appending(name)))
                continue
            }
            try Files.makeDirectory(copy.appending(name))
            for inner in try Files.list(folder.appending(name)) {
                let path = "\(name)/\(inner)"
                try Files.replace(copy.pushing(FilePath(path)), with: Files.readAll(folder.pushing(FilePath(path))))
            }
        }
        for (index, name) in try Self.weightFiles(folder).sorted().enumerated() {
            let file = try SafetensorsFile(folder.pushing(FilePath(name)))
            let changed = try file.entries.enumerated().map { number, entry in
                let factors = try Tensor.normal(
                    entry.shape, standardDeviation: 0.1, seed: SplitMix64.mix(seed, UInt64(index), UInt64(number)))
                let values = try file.tensor(entry.name).to(.float32)
                return (name: entry.name, tensor: try values.multiplied(by: factors.adding(1)).to(entry.type))
            }
            try SafetensorsWriter.write(changed, to: copy.pushing(FilePath(name)))
        }
    }

    @Test(arguments: names)
    func tensorsAreMeans(name: String) throws {
        let test = try OthersFoldersTests()
        let (a, b, mean) = (temporary("a"), temporary("b"), temporary("mean"))
        let model = try test.load(name, .training)
        try model.save(model.card, to: a)
        try changedCopy(of: a, to: b, seed: 5)
        let parts = try [(a, 3.0), (b, 1.0)].map { try ModelAverage.Part(ModelAverage.load($0), weight: $1) }
        let average = try ModelAverage(parts)
        var readByteCount = 0
        let report = try average.write(type: .float32, to: mean) { readByteCount += $0 }
        #expect(readByteCount == average.byteCount)
        #expect(report.distances[0] == 0 && (0.08...0.12).contains(report.distances[1]), "\(report.distances)")
        let files = try Self.weightFiles(a)
        #expect(try Self.weightFiles(mean).sorted() == files.sorted())
        for name in files {
            let (first, second) = (
                try SafetensorsFile(a.pushing(FilePath(name))), try SafetensorsFile(b.pushing(FilePath(name)))
            )
            let written = try SafetensorsFile(mean.pushing(FilePath(name)))
            #expect(written.names.sorted() == first.names.sorted())
            for tensor in first.names {
                let values = try [first, second, written].map { try $0.tensor(tensor).to(.float32).floats() }
                let worst =
                    values[2].indices.map { index in
                        abs(values[2][index] - (0.75 * values[0][index] + 0.25 * values[1][index]))
                    }.max() ?? 0
                #expect(worst <= 1e-6 * (values[0].map(abs).max() ?? 1), "\(tensor): \(worst)")
            }
        }
        let loaded = try EmbeddingModel(loading: mean, .encoding)
        #expect(loaded.card == model.card)
    }

    /// The mean of a model with itself is the model, to the byte.
    @Test(arguments: ["st6-bert-dense-residual", "st6-qwen3-last-instruction", "t4-roberta-sharded"])
    func meanOfOneModelIsTheModel(name: String) throws {
        let model = try OthersFoldersTests().load(name, .training)
        try model.save(model.card, to: temporary("a"))
        let parts = try (0..<2).map { _ in ModelAverage.Part(try ModelAverage.load(temporary("a"))) }
        let report = try ModelAverage(parts).write(type: .float32, to: temporary("mean"))
        #expect(report.distances == [0, 0])
        for name in try Files.list(temporary("a")) where !Files.isDirectory(temporary("a").appending(name)) {
            #expect(
                try Files.readAll(temporary("a").appending(name)) == Files.readAll(temporary("mean").appending(name)),
                "\(name)")
        }
    }

    /// Parts of a checkpoint that no vector depends on, towers and all families' tensors are averaged too.
    @Test(arguments: RandomModelTests.names)
    func modelsOfEveryFamily(name: String) throws {
        let random = try RandomModelTests()
        _ = try random.model(name).write(seed: 7, to: temporary("a"))
        try changedCopy(of: temporary("a"), to: temporary("b"), seed: 1)
        let parts = try ["a", "b"].map { ModelAverage.Part(try ModelAverage.load(temporary($0))) }
        _ = try ModelAverage(parts).write(type: .bfloat16, to: temporary("mean"))
        let tensors = try ["a", "b", "mean"].map { try random.tensors(temporary($0)) }
        #expect(Set(tensors[2].keys) == Set(tensors[0].keys))
        for (name, tensor) in tensors[2] {
            #expect(tensor.elementType == .bfloat16)
            let mean = try tensors[0][name]!.adding(tensors[1][name]!).multiplied(by: 0.5).to(.bfloat16)
            #expect(try tensor.to(.float32).floats() == mean.to(.float32).floats(), "\(name)")
        }
        _ = try EmbeddingModel(loading: temporary("mean"), .encoding)
        // One was written by others; all say that they are drawn, or the mean does not.
        #expect(try RandomModel.seed(of: temporary("mean")) == nil)
        // Random numbers of another seed have nothing in common with these.
        _ = try random.model(name).write(seed: 8, to: temporary("c"))
        let strangers = try ["a", "c"].map { ModelAverage.Part(try ModelAverage.load(temporary($0))) }
        let error = #expect(throws: Failure.self) {
            try ModelAverage(strangers).write(type: .float32, to: temporary("none"))
        }
        #expect(error?.description.contains("cosine") == true, "\(String(describing: error))")
    }

    /// What differs between two folders, and how the refusal names it.
    @Test(arguments: [
        ("tvt.json", "\"prompt\": \"\"", "\"prompt\": \"query: \"", "the card differs in query.prompt"),
        (
            "config.json", "\"hidden_act\": \"gelu\"", "\"hidden_act\": \"relu\"",
            "config.json differs in hidden_act: \"relu\""
        ),
        (
            "tokenizer.json", "\"3\": 60,", "\"xq\": 60,", "tokenizer.json differs in model.vocab."
        ),
    ])
    func differencesAreNamed(file: String, text: String, replacement: String, naming: String) throws {
        let model = try OthersFoldersTests().load("st6-bert-dense-residual", .training)
        try model.save(model.card, to: temporary("a"))
        try changedCopy(of: temporary("a"), to: temporary("b"), seed: 1)
        let path = temporary("b").appending(file)
        let old = try Files.readText(path)
        let first = try #require(old.range(of: text), "\(old.prefix(2000))")
        try Files.replace(path, with: old.replacingCharacters(in: first, with: replacement))
        let parts = try ["a", "b"].map { ModelAverage.Part(try ModelAverage.load(temporary($0))) }
        let error = #expect(throws: Failure.self) { try ModelAverage(parts) }
        #expect(error?.description.contains(naming) == true, "\(String(describing: error))")
        #expect(error?.description.contains("\(temporary("b")) and \(temporary("a"))") == true)
        #expect(error?.exitStatus == .badConfiguration)
    }

    /// What a run began with may be one of the models, though it does not name itself as its base.
    @Test func runsAndTheirBase() throws {
        let model = try OthersFoldersTests().load("st6-bert-cls-prompts", .training)
        try model.save(model.card, to: temporary("a"))
        var card = model.card
        card.baseModel = try EmbeddingModel.weightsDigest(temporary("a"))
        try model.save(card, to: temporary("b"))
        try model.save(card, to: temporary("c"))
        for (names, base) in [(["a", "b"], nil), (["b", "c"], card.baseModel)] {
            let parts = try names.map { ModelAverage.Part(try ModelAverage.load(temporary($0))) }
            let target = temporary("mean-\(names[0])")
            _ = try ModelAverage(parts).write(type: .float32, to: target)
            #expect(try EmbeddingModel(loading: target, .encoding).card.baseModel == base)
        }
    }

    /// Numbers that fit into float32 and not into float16 are refused by the tensor's name, wherever weights are rounded.
    @Test func numbersThatDoNotFit() throws {
        let random = try RandomModelTests()
        _ = try random.model("bert").write(seed: 7, to: temporary("a"))
        let name = "encoder.layer.1.output.dense.weight"
        let tensors = try random.tensors(temporary("a")).map { entry in
            (name: entry.key, tensor: entry.key == name ? try entry.value.multiplied(by: 1e9) : entry.value)
        }
        try SafetensorsWriter.write(tensors, to: temporary("a").appending("model.safetensors"))
        let parts = try (0..<2).map { _ in ModelAverage.Part(try ModelAverage.load(temporary("a"))) }
        let writing = #expect(throws: Failure.self) {
            try ModelAverage(parts).write(type: .float16, to: temporary("mean"))
        }
        let loading = #expect(throws: Failure.self) {
            try EmbeddingModel(loading: temporary("a"), .encoding, type: .float16)
        }
        for error in [writing, loading] {
            #expect(error?.description.contains("\(name) holds a number that is too large for float16") == true)
            #expect(error?.exitStatus == .badConfiguration)
        }
        _ = try ModelAverage(parts).write(type: .bfloat16, to: temporary("wide"))
        _ = try EmbeddingModel(loading: temporary("wide"), .encoding)
    }

    /// An adapter whose products leave float32 is refused, whatever type they would be rounded to.
    @Test(arguments: [ElementType.float32, .float16])
    func adaptersThatOverflow(type: ElementType) throws {
        let model = try OthersFoldersTests().load("st6-bert-cls-prompts", .training)
        try model.save(model.card, to: temporary("a"))
        let training = try EmbeddingModel(loading: temporary("a"), .training)
        let configuration = LoRAConfiguration(rank: 1, alpha: 1, dropout: 0, targets: .allLinear)
        try training.text.addAdapters(configuration, seed: 1)
        for parameter in training.trainableParameters {
            try withoutGradients { try parameter.tensor.assign(Tensor.full(parameter.tensor.shape, 3e38)) }
        }
        try Files.makeDirectory(temporary("adapter"))
        try training.text.saveAdapters(configuration, baseModel: "a", to: temporary("adapter"))
        let error = #expect(throws: Failure.self) {
            try EmbeddingModel(loading: temporary("a"), .encoding, adapter: temporary("adapter"), type: type)
        }
        #expect(error?.exitStatus == .badData && error?.description.contains("not finite") == true)
    }

    /// What is made of random weights, and not trained, says that they are random.
    @Test func randomModelsStaySo() throws {
        let random = try RandomModelTests()
        for name in ["a", "b"] { _ = try random.model("bert").write(seed: 7, to: temporary(name)) }
        let parts = try ["a", "b"].map { ModelAverage.Part(try ModelAverage.load(temporary($0))) }
        _ = try ModelAverage(parts).write(type: .float32, to: temporary("mean"))
        #expect(try RandomModel.seed(of: temporary("mean")) == "7")
        let model = try EmbeddingModel(loading: temporary("a"), .training)
        var sample = try PrincipalAxes.Sample(dims: model.card.dims)
        try sample.add(Tensor.normal([40, model.card.dims], seed: 1))
        try PrincipalAxes(of: [sample]).write(model, to: temporary("turned"))
        #expect(try RandomModel.seed(of: temporary("turned")) == "7")
    }

    /// What no vector depends on and not all have is in no mean; what vectors depend on must be everywhere.
    @Test func tensorsThatNotAllHave() throws {
        let random = try RandomModelTests()
        _ = try random.model("bert").write(seed: 7, to: temporary("a"))
        let file = temporary("a").appending("model.safetensors")
        let tensors = try random.tensors(temporary("a")).sorted { $0.key < $1.key }.map {
            (name: $0.key, tensor: $0.value)
        }
        #expect(tensors.contains { $0.name == "pooler.dense.weight" })
        let bytes = try Files.readAll(file)
        for (copy, dropped) in [("b", "pooler."), ("c", "encoder.layer.1.")] {
            try changedCopy(of: temporary("a"), to: temporary(copy), seed: 1)
            try SafetensorsWriter.write(
                tensors.filter { !$0.name.hasPrefix(dropped) }, to: temporary(copy).appending("model.safetensors"))
        }
        #expect(try Files.readAll(file) == bytes)
        let parts = try ["b", "a"].map { ModelAverage.Part(try ModelAverage.load(temporary($0))) }
        let average = try ModelAverage(parts)
        #expect(average.leftOut.sorted() == ["pooler.dense.bias", "pooler.dense.weight"])
        _ = try average.write(type: .float32, to: temporary("mean"))
        #expect(try EmbeddingModel(loading: temporary("mean"), .encoding).text.passiveParameters.isEmpty)
        // A model without a layer is none.
        #expect(throws: InputError.self) { try ModelAverage.load(temporary("c")) }
    }
}
