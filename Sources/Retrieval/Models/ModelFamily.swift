internal import Base
internal import JSON
internal import SystemPackage

/// A family of text models: which folders it reads, and how.
struct ModelFamily: Sendable {
    /// `model_type` in `config.json`.
    let name: String
    let names: ModuleNames
    /// transformers' tokenizer class, where a folder names none.
    let tokenizerClass: String
    /// Makes the model that `config.json` describes of a checkpoint's tensors.
    let build: @Sendable (ConfigurationReader, WeightLoader) throws -> any TextModel

    static let all: [ModelFamily] = [.bert]

    /// - Throws: `InputError` for a model of another family.
    static func named(_ name: String, file: FilePath) throws -> ModelFamily {
        if let family = all.first(where: { $0.name == name }) { return family }
        throw InputError(
            "models of type \(name) are not supported", at: Place(path: file.string, field: "model_type"),
            advice: "supported: \(all.map(\.name).joined(separator: ", "))", exitStatus: .badConfiguration)
    }
}
