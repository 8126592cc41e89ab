internal import Base
internal import JSON
internal import SystemPackage

extension SentenceTransformersFiles {
    /// Writes the files that make sentence-transformers load a folder as the card has it.
    static func write(_ card: ModelCard, to folder: FilePath) throws {
        func module(_ index: Int, _ path: String, _ type: String) -> JSONValue {
            [
                "idx": JSONValue(index), "name": .string("\(index)"), "path": .string(path),
                "type": .string("sentence_transformers.models.\(type)"),
            ]
        }
        var modules = [module(0, "", "Transformer"), module(1, "1_Pooling", "Pooling")]
        if card.normalize { modules.append(module(2, "2_Normalize", "Normalize")) }
        try Files.replace(folder.appending(modulesName), with: JSONValue.array(modules).pretty())
        let pooling = folder.appending("1_Pooling")
        try Files.makeDirectory(pooling)
        let config: JSONValue = [
            "word_embedding_dimension": JSONValue(card.dims), "pooling_mode_cls_token": .bool(card.pooling == .cls),
            "pooling_mode_mean_tokens": .bool(card.pooling == .mean), "pooling_mode_max_tokens": false,
            "pooling_mode_mean_sqrt_len_tokens": false, "pooling_mode_lasttoken": .bool(card.pooling == .last),
        ]
        try Files.replace(pooling.appending("config.json"), with: config.pretty())
        // One limit for both roles is all that sentence-transformers knows; the card has both.
        let transformer: JSONValue = [
            "max_seq_length": JSONValue(max(card.query.maxLength, card.document.maxLength)), "do_lower_case": false,
        ]
        try Files.replace(folder.appending("sentence_bert_config.json"), with: transformer.pretty())
        var usage: JSONObject = [
            "prompts": ["query": .string(card.query.prompt), "document": .string(card.document.prompt)],
            "default_prompt_name": nil,
            "similarity_fn_name": .string(card.normalize ? "cosine" : "dot"),
        ]
        usage["truncate_dim"] = card.truncateDim.map { JSONValue($0) }
        try Files.replace(
            folder.appending("config_sentence_transformers.json"), with: JSONValue.object(usage).pretty())
    }
}
