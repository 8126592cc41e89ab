internal import Base
public import JSON
public import SystemPackage
public import Tensors
internal import TestKit

/// A random model: its weights are a function of a seed and of their names.
public struct GeneratedModel: Sendable {
    /// Those of ModelsTests.
    public static let goldens = sourceRoot.appending("Tests/ModelsTests/Golden/families")
    public let reference: JSONValue
    /// Blocks' outputs, vectors.
    public let expected: SafetensorsFile
    public let seed: UInt64
    public let texts: [[Int32]]

    /// Reads `NAME.json` and `NAME.safetensors`.
    public init(_ name: String, in folder: FilePath = GeneratedModel.goldens) throws {
        reference = try JSONValue.parse(file: folder.appending(name + ".json"))
        expected = try SafetensorsFile(folder.appending(name + ".safetensors"))
        seed = UInt64(reference["seed"]!.integer!)
        texts = reference["texts"]!.array!.map { $0.array!.map { Int32($0.integer!) } }
    }

    /// The names of all goldens of text models.
    public static let names = cases(in: goldens)

    public static func cases(in folder: FilePath) -> [String] {
        let files = (try? Files.list(folder)) ?? []
        return files.filter { $0.hasSuffix(".safetensors") }.map { String($0.dropLast(12)) }.sorted()
    }

    /// Values that numpy makes alike; see `Golden/families/PROVENANCE.md`.
    public static func values(
        _ name: String, seed: UInt64, count: Int, center: Double, spread: Double
    ) -> [Float] {
        var hash: UInt64 = 14_695_981_039_346_656_037
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 1_099_511_628_211 }
        let state = seed ^ hash
        return (0..<count).map { index in
            var z = state &+ UInt64(index + 1) &* 0x9E37_79B9_7F4A_7C15
            z ^= z >> 30
            z &*= 0xBF58_476D_1CE4_E5B9
            z ^= z >> 27
            z &*= 0x94D0_49BB_1331_11EB
            z ^= z >> 31
            let unit = Double(z >> 40) / 16_777_216
            return Float(center + (2 * unit - 1) * spread)
        }
    }

    private func tensors(_ list: JSONValue) throws -> [(name: String, tensor: Tensor)] {
        try list.array!.map { entry in
            let name = entry["name"]!.string!
            let shape = entry["shape"]!.array!.map { $0.integer! }
            let values = Self.values(
                name, seed: seed, count: shape.reduce(1, *), center: entry["center"]!.double!,
                spread: entry["spread"]!.double!)
            return (name, try Tensor(values, shape: shape))
        }
    }

    /// Writes a model folder; where the reference has no `files`, its tokenizer is that of another test, whose ids do not
    /// matter.
    public func write(to folder: FilePath) throws {
        try Files.makeDirectory(folder)
        try Files.replace(folder.appending("config.json"), with: reference["config"]!.pretty())
        try SafetensorsWriter.write(tensors(reference["tensors"]!), to: folder.appending("model.safetensors"))
        if let files = reference["files"]?.array {
            for file in files {
                try Files.replace(folder.appending(file["name"]!.string!), with: file["content"]!.string!)
            }
            return
        }
        // transformers rebuilds Qwen's tokenizer by its class, whatever the files say.
        let isQwen = reference["config"]?["model_type"]?.string?.hasPrefix("qwen") == true
        let tokenizer = Self.goldens.appending(isQwen ? "tokenizer-qwen.json" : "tokenizer.json")
        try Files.replace(folder.appending("tokenizer.json"), with: Files.readAll(tokenizer))
        let description: JSONValue = ["tokenizer_class": isQwen ? "Qwen2Tokenizer" : "PreTrainedTokenizerFast"]
        try Files.replace(folder.appending("tokenizer_config.json"), with: description.pretty())
    }

    /// Writes the adapter that goes with the model.
    public func writeAdapter(to folder: FilePath) throws {
        try Files.makeDirectory(folder)
        let adapter = reference["lora"]!
        try Files.replace(folder.appending("adapter_config.json"), with: adapter["config"]!.pretty())
        try SafetensorsWriter.write(
            tensors(adapter["tensors"]!), to: folder.appending("adapter_model.safetensors"))
    }
}
