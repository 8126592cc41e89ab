internal import Base
internal import JSON
internal import SystemPackage

extension SentenceTransformersFiles {
    /// Writes the files that make sentence-transformers load a folder as the card has it, but weights.
    ///
    /// - Parameter otherPrompts: by name, beside those of the card.
    static func write(_ card: ModelCard, otherPrompts: [(name: String, text: String)], to folder: FilePath) throws {
        func module(_ index: Int, _ path: String, _ type: String) -> JSONValue {
            [
                "idx": JSONValue(index), "name": .string("\(index)"), "path": .string(path),
                "type": .string("sentence_transformers.models.\(type)"),
            ]
        }
        let behind = card.modules
        let modules =
            [module(0, "", "Transformer")] + behind.enumerated().map { module($0 + 1, $1.folder, $1.module.name) }
        try Files.replace(folder.appending(modulesName), with: JSONValue.array(modules).pretty())
        for (name, module) in behind {
            guard let config = configuration(of: module, card) else { continue }
            try Files.makeDirectory(folder.appending(name))
            try Files.replace(folder.appending(name).appending("config.json"), with: config.pretty())
        }
        // One limit for both roles is all that sentence-transformers knows; the card has both.
        let transformer: JSONValue = [
            "max_seq_length": JSONValue(max(card.query.maxLength, card.document.maxLength)), "do_lower_case": false,
        ]
        try Files.replace(folder.appending("sentence_bert_config.json"), with: transformer.pretty())
        var prompts: JSONObject = ["query": .string(card.query.prompt), "document": .string(card.document.prompt)]
        for prompt in otherPrompts where prompts[prompt.name] == nil { prompts[prompt.name] = .string(prompt.text) }
        var usage: JSONObject = [
            "prompts": .object(prompts), "default_prompt_name": nil,
            "similarity_fn_name": .string(card.normalize ? "cosine" : "dot"),
        ]
        usage["truncate_dim"] = card.truncateDim.map { JSONValue($0) }
        try Files.replace(folder.appending(usageName), with: JSONValue.object(usage).pretty())
    }

    /// Nil for a module that needs no folder.
    private static func configuration(of module: ModelCard.Module, _ card: ModelCard) -> JSONValue? {
        switch module {
        case .pooling: return pooling(card)
        case .layer(.normalize, _): return nil
        case .layer(.layerNorm(let size), _): return ["dimension": JSONValue(size)]
        case .layer(.dense(let dense), let isOnTokens):
            var fields: JSONObject = [
                "in_features": JSONValue(dense.inputSize), "out_features": JSONValue(dense.outputSize),
                "bias": .bool(dense.hasBias), "activation_function": .string(path(of: dense.activation)),
            ]
            // Versions that do not know these fields stop at them.
            if dense.addsInput { fields["use_residual"] = true }
            if isOnTokens {
                fields["module_input_name"] = .string(tokensFeature)
                fields["module_output_name"] = .string(tokensFeature)
            }
            return .object(fields)
        }
    }

    /// Flags, which every version reads; the list of names, which only the newer ones do, where an order or a repetition
    /// needs it.
    private static func pooling(_ card: ModelCard) -> JSONValue {
        let modes = card.pooling.modes
        let known = poolingNames.filter { modes.contains($0.pooling) }
        var fields: JSONObject = ["word_embedding_dimension": JSONValue(card.pooledSize)]
        if known.map(\.pooling) == modes {
            // The oldest versions do not know the last but one.
            for mode in [Pooling.cls, .mean, .max, .meanSqrtLength, .weightedMean, .last]
            where mode != .weightedMean || modes.contains(mode) {
                fields[poolingNames.first { $0.pooling == mode }!.flag] = .bool(modes.contains(mode))
            }
        } else {
            fields["pooling_mode"] = .array(
                modes.map { mode in .string(poolingNames.first { $0.pooling == mode }!.name) })
        }
        if !card.includesPrompt { fields["include_prompt"] = false }
        return .object(fields)
    }
}
