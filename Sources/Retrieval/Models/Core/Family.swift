internal import Base
internal import JSON
internal import SystemPackage

/// A family of text models: which folders it reads, and how.
struct Family: Sendable {
    /// Values of `model_type` in `config.json`.
    let modelTypes: [String]
    let names: NameMap
    /// transformers' tokenizer class, where a folder names none.
    let tokenizerClass: String
    /// Makes the model that `config.json` describes of a checkpoint's tensors.
    let build: @Sendable (ConfigurationReader, WeightFiles) throws -> TextModel
    /// The field of `config.json` that says what tokens see of each other; nil where there is no choice.
    var directionField: DirectionField?
    /// Whether its text model is one of another family, which `text_config` names.
    var readsPartsOfOthers = false

    /// A flag, and what it says where it is true.
    enum DirectionField: Sendable {
        case isCausal
        case goesBothWays

        /// Its name.
        var name: String {
            switch self {
            case .isCausal: "is_causal"
            case .goesBothWays: "use_bidirectional_attention"
            }
        }

        /// What `config.json` says; nil where it says nothing.
        func direction(_ config: JSONObject) -> AttentionDirection? {
            config[name]?.bool.map { $0 == (self == .isCausal) ? .causal : .bidirectional }
        }

        /// What holds where `config.json` says nothing: both kinds of models are decoders.
        static let standard = AttentionDirection.causal

        /// `config.json` with another direction.
        func applying(_ direction: AttentionDirection, to config: JSONObject) -> JSONObject {
            var config = config
            switch self {
            case .isCausal: config["is_causal"] = .bool(direction == .causal)
            case .goesBothWays:
                config["use_bidirectional_attention"] = .bool(direction == .bidirectional)
                // The reference's own copy of the flag, which may say the opposite now.
                config["is_causal"] = nil
            }
            return config
        }
    }

    /// - Throws: `InputError` for a model of another family.
    static func named(_ name: String, file: FilePath) throws -> Family {
        if let family = all.first(where: { $0.modelTypes.contains(name) }) { return family }
        throw InputError(
            "models of type \(name) are not supported", at: Place(path: file.string, field: "model_type"),
            advice: "supported: \(all.flatMap(\.modelTypes).sorted().joined(separator: ", "))",
            exitStatus: .badConfiguration)
    }
}
