package import Base
package import JSON
package import SystemPackage

/// Reads the fields of a JSON configuration and remembers which, so that no field is passed over unseen.
///
/// Its errors are `InputError`s that name the field, with status 78.
package final class ConfigurationReader {
    private let object: JSONObject
    private let path: FilePath
    /// What encloses the object, as `query.`; empty at the root.
    private let prefix: String
    private var read: Set<String> = []

    package init(_ value: JSONValue, path: FilePath, prefix: String = "") {
        object = value.object ?? [:]
        self.path = path
        self.prefix = prefix
    }

    /// Reads a file; whole numbers that Python writes beyond 64 bits are read as doubles.
    package convenience init(file: FilePath) throws {
        let value = try JSONValue.parse(pythonFile: file)
        guard value.object != nil else {
            throw InputError(
                "an object is expected", at: Place(path: file.string), exitStatus: .badConfiguration)
        }
        self.init(value, path: file)
    }

    /// A field's value; nil where there is none, or null.
    package subscript(field: String) -> JSONValue? {
        read.insert(field)
        guard let value = object[field], !value.isNull else { return nil }
        return value
    }

    /// Whether a field is there and null.
    package func isNull(_ field: String) -> Bool { object[field]?.isNull == true }

    package func place(_ field: String) -> Place { Place(path: path.string, field: prefix + field) }

    package func error(_ field: String, _ reason: String, advice: String? = nil) -> InputError {
        InputError(reason, at: place(field), advice: advice, exitStatus: .badConfiguration)
    }

    /// A whole number in a range.
    ///
    /// - Parameter fallback: for a field that is not there; without one, that is an error.
    package func count(
        _ field: String, in range: ClosedRange<Int> = 1...Int(Int32.max), default fallback: Int? = nil
    ) throws -> Int {
        guard let value = self[field] else { return try fallback ?? missing(field) }
        guard let count = value.integer, range.contains(count) else {
            throw error(field, "a whole number from \(range.lowerBound) to \(range.upperBound) is expected")
        }
        return count
    }

    /// The same for a field that may be absent.
    package func optionalCount(_ field: String, in range: ClosedRange<Int> = 1...Int(Int32.max)) throws -> Int? {
        try self[field] == nil ? nil : count(field, in: range)
    }

    /// A finite number in a range.
    package func number(
        _ field: String, in range: ClosedRange<Double>, default fallback: Double? = nil
    ) throws -> Double {
        guard let value = self[field] else { return try fallback ?? missing(field) }
        guard let number = value.double, range.contains(number) else {
            throw error(field, "a number from \(range.lowerBound) to \(range.upperBound) is expected")
        }
        return number
    }

    package func string(_ field: String, default fallback: String? = nil) throws -> String {
        guard let value = self[field] else { return try fallback ?? missing(field) }
        guard let string = value.string else { throw error(field, "a string is expected") }
        return string
    }

    /// - Returns: nil where the field is not there.
    package func optionalString(_ field: String) throws -> String? { try self[field] == nil ? nil : string(field) }

    package func bool(_ field: String, default fallback: Bool? = nil) throws -> Bool {
        guard let value = self[field] else { return try fallback ?? missing(field) }
        guard let bool = value.bool else { throw error(field, "true or false is expected") }
        return bool
    }

    /// - Returns: nil where the field is not there.
    package func strings(_ field: String) throws -> [String]? {
        guard let value = self[field] else { return nil }
        let strings = value.array?.compactMap(\.string)
        guard let strings, strings.count == value.array?.count else {
            throw error(field, "a list of strings is expected")
        }
        return strings
    }

    /// The fields of an object within this one, which must all be read as well.
    package func section(_ field: String) throws -> ConfigurationReader {
        guard let value = self[field] else { return try missing(field) }
        guard value.object != nil else { throw error(field, "an object is expected") }
        return section(value, named: field)
    }

    /// The same for a field that may be absent.
    package func optionalSection(_ field: String) throws -> ConfigurationReader? {
        try self[field] == nil ? nil : section(field)
    }

    /// An object that was found within this one.
    package func section(_ value: JSONValue, named name: String) -> ConfigurationReader {
        ConfigurationReader(value, path: path, prefix: prefix + name + ".")
    }

    /// - Throws: `InputError` for a field that has a value, other than the only one that is understood.
    package func require(_ field: String, _ values: JSONValue...) throws {
        guard let value = self[field], !values.contains(value) else { return }
        let wanted = values.map(text).joined(separator: " or ")
        let found = text(value).prefix(80)
        throw error(field, wanted.isEmpty ? "this is not supported" : "only \(wanted) is supported, not \(found)")
    }

    /// The range that a number must lie in, its lower bound left out.
    package func positiveNumber(_ field: String, to upper: Double, default fallback: Double? = nil) throws -> Double {
        let number = try number(field, in: 0...upper, default: fallback)
        guard number > 0 else { throw error(field, "a number above 0 is expected") }
        return number
    }

    /// The token whose embedding is not trained; negative numbers count from the end, as in torch.
    package func paddingToken(vocabularySize: Int, default fallback: Int? = nil) throws -> Int? {
        guard self["pad_token_id"] != nil else { return fallback }
        let token = try count("pad_token_id", in: -vocabularySize...(vocabularySize - 1))
        return token < 0 ? token + vocabularySize : token
    }

    /// Numbers that every family's `config.json` has ranges for, in its own names.
    package enum Range {
        package static let size = 1...65_536
        package static let blocks = 1...1024
        package static let heads = 1...4096
        package static let innerSize = 1...1_048_576
        package static let positions = 1...16_777_216
        package static let vocabulary = 1...16_777_216
        package static let dropout = 0...0.999
        package static let epsilon = 0.0...1
    }

    /// Fields of a model's `config.json` that no vector depends on, whatever the family.
    package static let harmlessModelFields: Set<String> = [
        "_attn_implementation", "_attn_implementation_autoset", "_commit_hash", "_name_or_path", "architectures",
        "bad_words_ids", "begin_suppress_tokens", "bos_token_id", "chunk_size_feed_forward", "classifier_dropout",
        "decoder_start_token_id", "diversity_penalty", "do_sample", "dtype", "early_stopping",
        "encoder_no_repeat_ngram_size", "eos_token_id", "exponential_decay_length_penalty", "finetuning_task",
        "forced_bos_token_id", "forced_eos_token_id", "gradient_checkpointing", "id2label", "initializer_range",
        "label2id", "length_penalty", "mask_token_id", "max_length", "min_length", "model_type",
        "no_repeat_ngram_size", "num_beam_groups", "num_beams", "num_labels", "num_return_sequences",
        "output_attentions", "output_hidden_states", "output_past", "output_scores", "pad_token_id", "prefix",
        "pretraining_tp", "problem_type", "remove_invalid_values", "repetition_penalty", "return_dict",
        "return_dict_in_generate", "sbert_ce_default_activation_function", "sentence_transformers", "sep_token_id",
        "suppress_tokens", "task_specific_params", "temperature", "tf_legacy_loss", "tie_encoder_decoder",
        "tie_word_embeddings", "tokenizer_class", "top_k", "top_p", "torch_dtype", "torchscript",
        "transformers_version", "typical_p", "use_bfloat16", "use_cache",
    ]

    /// Refuses what would make another network of any family, and every field that nobody has read.
    package func finishModel(except harmless: Set<String> = []) throws {
        for field in ["is_decoder", "is_encoder_decoder", "add_cross_attention"] { try require(field, false) }
        for field in ["pruned_heads", "prune_heads"] { try require(field, [:]) }
        for field in ["cross_attention_hidden_size", "quantization_config"] { try require(field) }
        try refuseUnread(except: ConfigurationReader.harmlessModelFields.union(harmless))
    }

    /// - Throws: `InputError` that names a field nobody has read.
    package func refuseUnread(except harmless: Set<String> = []) throws {
        for (field, _) in object where !read.contains(field) && !harmless.contains(field) {
            throw error(
                field, "this field is not understood, and may change the result",
                advice: "if it has no influence on the vectors, remove it from the file")
        }
    }

    private func missing<Value>(_ field: String) throws -> Value { throw error(field, "the field is missing") }

    private func text(_ value: JSONValue) -> String {
        var bytes: [UInt8] = []
        value.appendLine(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
