import Base
import Engine
import JSON
import Models
import Records
import SystemPackage
import Tensors
import TestKit
import Testing

/// Model folders as sentence-transformers 6, transformers 5 and PEFT save them: the same vectors as there, or a refusal
/// that names the field.
struct FolderTests {
    static let golden = Golden()("Folders")
    let temporary: TemporaryFolder

    init() throws { temporary = try TemporaryFolder() }

    /// The whole folder of a case in the temporary folder: plain's files, and the case's over them.
    func assemble(_ name: String) throws -> FilePath {
        let target = temporary("model")
        for source in ["plain", name] {
            let folder = FolderTests.golden.appending(source)
            for file in try files(in: folder) {
                _ = try temporary.write(Files.readAll(folder.appending(file)), to: "model/\(file)")
            }
        }
        return target
    }

    func files(in folder: FilePath) throws -> [String] {
        try Files.list(folder).flatMap { name in
            Files.isDirectory(folder.appending(name))
                ? try Files.list(folder.appending(name)).map { "\(name)/\($0)" } : [name]
        }
    }

    /// Replaces fields of a file in the assembled folder; null removes one.
    func edit(_ file: String, _ fields: JSONObject) throws {
        let path = temporary("model").appending(file)
        var object = Files.exists(path) ? try JSONValue.parse(pythonFile: path).object! : JSONObject()
        for (field, value) in fields { object[field] = value }
        _ = try temporary.write(JSONValue.object(object).pretty(), to: "model/\(file)")
    }

    func expectEqual(_ model: EmbeddingModel, _ name: String, sourceLocation: SourceLocation = #_sourceLocation) throws
    {
        let texts = try JSONValue.parse(file: FolderTests.golden.appending("texts.json"))
        // A case whose vectors are plain's has no file of its own.
        let own = FolderTests.golden.appending(name).appending("expected.json")
        let expected = try JSONValue.parse(
            file: Files.exists(own) ? own : FolderTests.golden.appending("plain/expected.json"))
        for (role, side) in [(Role.document, "corpus"), (.query, "queries")] {
            let sequences = try texts[side]!.array!.map { try model.tokenize(Array($0.string!.utf8), as: role) }
            let vectors = try model.encode(PackedBatch(sequences))
            let rows = expected[side]!.array!.map { $0.array!.map { Float($0.double!) } }
            #expect(vectors.shape == [rows.count, rows[0].count], sourceLocation: sourceLocation)
            let difference = zip(try vectors.floats(), rows.joined()).map { abs($0 - $1) }.max()!
            #expect(difference < 1e-5, "\(name), \(side)", sourceLocation: sourceLocation)
        }
    }

    @Test(arguments: [
        "plain", "truncate-dim", "truncate-dim-beyond", "short", "truncation-side", "no-limit", "limit-left-out",
        "stale-truncation", "old-limit", "query-length", "query-length-alone", "passage-prompt", "document-prompt",
        "default-prompt", "default-other", "dot", "cosine", "cls", "last-token", "prompt-left-out", "processing",
        "lowercase-sequence",
    ])
    func vectorsEqualSentenceTransformers(name: String) throws {
        try expectEqual(EmbeddingModel(loading: assemble(name), .encoding), name)
    }

    @Test(arguments: ["adapter-all-linear", "adapter-rank-stabilised", "adapter-orthogonal"])
    func adaptersEqualPEFT(name: String) throws {
        let folder = try assemble("plain")
        let adapter = FolderTests.golden.appending(name)
        try expectEqual(EmbeddingModel(loading: folder, .encoding, adapter: adapter), name)
    }

    /// `max_len` is what `model_max_length` was called once.
    @Test func theOldNameOfTheLimitIsRead() throws {
        let folder = try assemble("plain")
        try edit("tokenizer_config.json", ["model_max_length": nil, "max_len": 5])
        try expectEqual(EmbeddingModel(loading: folder, .encoding), "short")
    }

    /// What is not done, and what would be surprising, is said.
    @Test func notesSayWhatIsNotDone() throws {
        func notes(_ name: String, _ overrides: ModelCard.Overrides = .init()) throws -> [String] {
            try EmbeddingModel(loading: assemble(name), .encoding, overrides: overrides).notes
        }
        #expect(try notes("plain").isEmpty)
        let passage = try notes("passage-prompt")
        #expect(passage.count == 1 && passage[0].contains("\"passage\" (\"p: \")"))
        #expect(try notes("passage-prompt", .init(document: .init(prompt: "p: "))).isEmpty)
        #expect(try notes("cosine")[0].contains("no Normalize module"))
        #expect(try notes("cosine", .init(normalize: true)).isEmpty)
        #expect(try notes("truncate-dim")[0].contains("truncate_dim"))
        #expect(try notes("dot").isEmpty)
    }

    /// A flag wins over the folder: dims are cut from whole vectors and scaled again.
    @Test func dimsOfTheCallerAreScaled() throws {
        let model = try EmbeddingModel(loading: assemble("truncate-dim"), .encoding)
        #expect(model.card.outputDims == 8 && model.card.dims == 32 && !model.card.givesUnitVectors)
        let batch = PackedBatch([try model.tokenize(Array("green tea".utf8), as: .query)])
        let cut = try model.encode(batch).floats()
        let scaled = try model.encode(batch, dims: 8).floats()
        let length = cut.reduce(0) { $0 + $1 * $1 }.squareRoot()
        #expect(length < 0.9)
        for (a, b) in zip(cut, scaled) { #expect(abs(a / length - b) < 1e-5) }
    }

    /// A saved copy means the same as the folder that it was made of.
    @Test(arguments: ["truncate-dim", "truncation-side", "document-prompt"])
    func savedCopiesMeanTheSame(name: String) throws {
        let model = try EmbeddingModel(loading: assemble(name), .training)
        try model.save(model.card, to: temporary("copy"))
        try expectEqual(EmbeddingModel(loading: temporary("copy"), .encoding), name)
        if name == "truncate-dim" { try Files.remove(temporary("copy").appending("tvt.json")) }
        try expectEqual(EmbeddingModel(loading: temporary("copy"), .encoding), name)
    }

    struct Refusal: Sendable, CustomStringConvertible {
        let file: String
        let field: String
        let value: JSONValue
        /// What the message must name, where it is not the field.
        var named: String?

        var description: String { "\(file) \(field) \(value)" }
    }

    static let refusals: [Refusal] = [
        // modules.json's modules
        Refusal(file: "1_Pooling/config.json", field: "pooling_mode", value: ["mean", "median"]),
        Refusal(file: "1_Pooling/config.json", field: "pooling_mode", value: "median"),
        Refusal(file: "1_Pooling/config.json", field: "pooling_mode", value: []),
        Refusal(file: "1_Pooling/config.json", field: "embedding_dimension", value: 33),
        Refusal(file: "1_Pooling/config.json", field: "surprise", value: 1),
        Refusal(file: "2_Normalize/config.json", field: "module_input_name", value: "token_embeddings"),
        // sentence_bert_config.json
        Refusal(
            file: "sentence_bert_config.json", field: "processing_kwargs",
            value: ["text": ["add_special_tokens": false]],
            named: "processing_kwargs.text.add_special_tokens"),
        Refusal(
            file: "sentence_bert_config.json", field: "processing_kwargs", value: ["text": ["max_length": 3]],
            named: "processing_kwargs.text.max_length"),
        Refusal(
            file: "sentence_bert_config.json", field: "processing_kwargs", value: ["text": ["truncation": false]],
            named: "processing_kwargs.text.truncation"),
        Refusal(
            file: "sentence_bert_config.json", field: "query_expansion",
            value: ["strategy": "fixed", "length": 32, "attend": true]),
        Refusal(file: "sentence_bert_config.json", field: "query_length", value: 0),
        Refusal(file: "sentence_bert_config.json", field: "document_length", value: "8"),
        Refusal(file: "sentence_bert_config.json", field: "transformer_task", value: "fill-mask"),
        Refusal(
            file: "sentence_bert_config.json", field: "modality_config",
            value: ["text": ["method": "forward", "method_output_name": "pooler_output"]]),
        Refusal(file: "sentence_bert_config.json", field: "tokenizer_args", value: ["do_lower_case": false]),
        Refusal(file: "sentence_bert_config.json", field: "surprise", value: true),
        // config_sentence_transformers.json
        Refusal(file: "config_sentence_transformers.json", field: "truncate_dim", value: 0),
        Refusal(file: "config_sentence_transformers.json", field: "truncate_dim", value: -8),
        Refusal(file: "config_sentence_transformers.json", field: "similarity_fn_name", value: "euclidean"),
        Refusal(file: "config_sentence_transformers.json", field: "model_type", value: "MultiVectorEncoder"),
        Refusal(file: "config_sentence_transformers.json", field: "default_prompt_name", value: "nobody"),
        Refusal(
            file: "config_sentence_transformers.json", field: "prompts", value: ["query": 1], named: "prompts.query"),
        Refusal(file: "config_sentence_transformers.json", field: "surprise", value: []),
        // tokenizer_config.json, where tokenizer.json says something else
        Refusal(file: "tokenizer_config.json", field: "do_lower_case", value: false),
        Refusal(file: "tokenizer_config.json", field: "strip_accents", value: false),
        Refusal(file: "tokenizer_config.json", field: "tokenize_chinese_chars", value: false),
        Refusal(file: "tokenizer_config.json", field: "cls_token", value: "[SEP]"),
        Refusal(file: "tokenizer_config.json", field: "unk_token", value: "[MASK]"),
        Refusal(file: "tokenizer_config.json", field: "mask_token", value: "<mask>"),
        Refusal(file: "tokenizer_config.json", field: "additional_special_tokens", value: ["[green]"]),
        Refusal(file: "tokenizer_config.json", field: "extra_special_tokens", value: ["tea"]),
        Refusal(
            file: "tokenizer_config.json", field: "added_tokens_decoder",
            value: ["16": ["content": "teapot", "special": false, "normalized": true]], named: "added_tokens_decoder.16"
        ),
        Refusal(
            file: "tokenizer_config.json", field: "added_tokens_decoder",
            value: ["4": ["content": "[MASK]", "lstrip": true, "special": true]], named: "added_tokens_decoder.4"),
        Refusal(file: "tokenizer_config.json", field: "truncation_side", value: "middle"),
        Refusal(file: "tokenizer_config.json", field: "model_max_length", value: 0),
        Refusal(file: "tokenizer_config.json", field: "tokenizer_class", value: "BertJapaneseTokenizer"),
        Refusal(file: "tokenizer_config.json", field: "split_special_tokens", value: true),
        Refusal(file: "tokenizer_config.json", field: "surprise", value: 1),
        Refusal(file: "special_tokens_map.json", field: "unk_token", value: "[PAD]"),
        Refusal(file: "added_tokens.json", field: "teapot", value: 16),
        // config.json: values that mean another model, and numbers out of range
        Refusal(file: "config.json", field: "num_hidden_layers", value: 1_000_000_000),
        Refusal(file: "config.json", field: "num_hidden_layers", value: 0),
        Refusal(file: "config.json", field: "hidden_size", value: 4_000_000_000_000),
        Refusal(file: "config.json", field: "hidden_size", value: -32),
        Refusal(file: "config.json", field: "num_attention_heads", value: 3),
        Refusal(file: "config.json", field: "intermediate_size", value: 2_000_000_000),
        Refusal(file: "config.json", field: "vocab_size", value: 2_000_000_000),
        Refusal(file: "config.json", field: "vocab_size", value: 16.5),
        Refusal(file: "config.json", field: "max_position_embeddings", value: 9_223_372_036_854_775_807),
        Refusal(file: "config.json", field: "type_vocab_size", value: 0),
        Refusal(file: "config.json", field: "layer_norm_eps", value: -1e-12),
        Refusal(file: "config.json", field: "layer_norm_eps", value: 1e300),
        Refusal(file: "config.json", field: "hidden_dropout_prob", value: 1),
        Refusal(file: "config.json", field: "position_embedding_type", value: "relative_key"),
        Refusal(file: "config.json", field: "surprise", value: 1),
    ]

    @Test(arguments: refusals)
    func fieldsThatAreNotDoneAreNamed(refusal: Refusal) throws {
        let folder = try assemble("plain")
        try edit(refusal.file, [refusal.field: refusal.value])
        let error = try #require(throws: InputError.self) { try EmbeddingModel(loading: folder, .encoding) }
        #expect(error.exitStatus == .badConfiguration)
        #expect(error.place.field == refusal.named ?? refusal.field)
        #expect(error.place.path.hasSuffix(refusal.file))
    }

    /// What sentence-transformers 6 saves of a cased folder with `do_lower_case`: it does not lowercase any more once it
    /// is loaded there, though `tokenizer.json` says so.
    @Test func lowercasingThatOneFileAsksForIsRefused() throws {
        let folder = try assemble("lowercase-sequence")
        try edit("tokenizer_config.json", ["do_lower_case": false])
        let error = try #require(throws: InputError.self) { try EmbeddingModel(loading: folder, .encoding) }
        #expect(error.place.field == "do_lower_case")
    }

    /// transformers would load the adapter too.
    @Test func anAdapterBesideWeightsIsRefused() throws {
        let folder = try assemble("plain")
        let source = FolderTests.golden.appending("adapter-all-linear/adapter_config.json")
        _ = try temporary.write(Files.readAll(source), to: "model/adapter_config.json")
        let error = try #require(throws: Failure.self) { try EmbeddingModel(loading: folder, .encoding) }
        #expect(error.exitStatus == .badConfiguration)
        #expect(error.message.contains("adapter_config.json"))
    }

    /// A prompt that is left out of pooling is seen all the same: the mean is that of the other tokens alone.
    @Test func promptsAreLeftOutOfPooling() throws {
        let folder = try assemble("prompt-left-out")
        try edit("config_sentence_transformers.json", ["prompts": ["query": "tea "]])
        let model = try EmbeddingModel(loading: folder, .training)
        #expect(!model.card.includesPrompt && model.documents.unpooledCount == 0)
        // [CLS] and the prompt's own tokens; what ends a text is not the prompt's.
        let prompt = try model.documents.tokenCount(of: "tea ") - 1
        #expect(model.queries.unpooledCount == prompt)
        let text = Array("green tea".utf8)
        let left = try model.encode(model.pack([text], as: .query)).floats()
        let whole = try model.encode(PackedBatch([model.tokenize(text, as: .query)])).floats()
        #expect(zip(left, whole).contains { abs($0 - $1) > 1e-3 })
        // Who shares a batch changes nothing.
        let other = try model.tokenize(Array("black pot".utf8), as: .document)
        let mixed = PackedBatch([other, try model.tokenize(text, as: .query)], unpooled: [0, prompt])
        for (a, b) in zip(try model.encode(mixed).floats().suffix(left.count), left) { #expect(abs(a - b) < 1e-5) }
        try model.savedAgain(to: temporary("copy")) { copy in
            #expect(!copy.card.includesPrompt && copy.queries.unpooledCount == prompt)
        }
    }

    /// Weights of the average go on behind what is left out; nothing left is zeros, or the first token.
    @Test func tokensThatAreLeftOutDoNotCount() throws {
        let hidden = try Tensor((0..<8).map { Float($0 * $0) }, shape: [4, 2])
        func pooled(_ pooling: Pooling, _ count: Int) throws -> [Float] {
            try pooling(hidden, DeviceBatch(PackedBatch([[1, 2, 3, 4]], unpooled: [count]))).floats()
        }
        #expect(try pooled(.mean, 2) == [26, 37])
        #expect(try pooled(.max, 3) == [36, 49] && pooled(.last, 3) == [36, 49] && pooled(.cls, 1) == [4, 9])
        let weighted = try pooled(.weightedMean, 2)
        #expect(abs(weighted[0] - (16 * 3 + 36 * 4) / 7) < 1e-4 && abs(weighted[1] - (25 * 3 + 49 * 4) / 7) < 1e-4)
        #expect(try pooled(.mean, 9) == [0, 0] && pooled(.cls, 4) == [0, 1])
    }

    /// Several poolings, by the files or by the caller, side by side in their order.
    @Test func poolingsAreJoined() throws {
        let folder = try assemble("plain")
        try edit("1_Pooling/config.json", ["pooling_mode": ["lasttoken", "cls"]])
        let model = try EmbeddingModel(loading: folder, .encoding, overrides: .init(normalize: false))
        #expect(model.card.pooling.rawValue == "last+cls" && model.card.dims == 64)
        let overrides = ModelCard.Overrides(pooling: Poolings(rawValue: "cls+last"), normalize: false)
        let other = try EmbeddingModel(loading: folder, .encoding, overrides: overrides)
        let texts = [Array("green tea".utf8), Array("tea".utf8)]
        let (a, b) = (
            try model.encode(model.pack(texts, as: .query)), try other.encode(other.pack(texts, as: .query))
        )
        #expect(a.shape == [2, 64])
        #expect(try a.narrow(1, start: 0, length: 32).floats() == b.narrow(1, start: 32, length: 32).floats())
        #expect(Poolings(rawValue: "cls+") == nil && Poolings(rawValue: "median") == nil)
    }

    /// Prompts by name; an unknown name is answered with those that there are.
    @Test func promptsHaveNames() throws {
        let folder = try assemble("passage-prompt")
        let overrides = ModelCard.Overrides(document: .init(promptName: "passage"))
        #expect(try EmbeddingModel(loading: folder, .encoding, overrides: overrides).card.document.prompt == "p: ")
        let unknown = ModelCard.Overrides(query: .init(promptName: "nobody"))
        let error = try #require(throws: Failure.self) {
            try EmbeddingModel(loading: folder, .encoding, overrides: unknown)
        }
        #expect(error.exitStatus == .badConfiguration && error.description.contains("\"passage\""))
        let both = ModelCard.Overrides(document: .init(prompt: "x", promptName: "passage"))
        #expect(throws: Failure.self) { try EmbeddingModel(loading: folder, .encoding, overrides: both) }
        // A copy keeps those that nobody uses.
        let model = try EmbeddingModel(loading: folder, .training)
        try model.save(model.card, to: temporary("copy"))
        let again = try EmbeddingModel(loading: temporary("copy"), .encoding, overrides: overrides)
        #expect(again.card.document.prompt == "p: ")
    }

    /// The template is that of the folder's own prompt, down to its spaces; else the usual one.
    @Test func instructionsBecomePrompts() throws {
        let folder = try assemble("plain")
        let overrides = ModelCard.Overrides(instruction: "find tea")
        let plain = try EmbeddingModel(loading: folder, .training, overrides: overrides)
        #expect(plain.card.query.prompt == "Instruct: find tea\nQuery:" && plain.card.document.prompt == "")
        try plain.savedAgain(to: temporary("copy")) { #expect($0.card == plain.card) }
        try edit("config_sentence_transformers.json", ["prompts": ["query": "Instruct: do this\nQuery: "]])
        let spaced = try EmbeddingModel(loading: folder, .encoding, overrides: overrides)
        #expect(spaced.card.query.prompt == "Instruct: find tea\nQuery: ")
        #expect(Instruction(template: "{task}", task: "") == nil && Instruction(template: "{q}{task}", task: "") == nil)
    }

    /// A tokenizer that ends texts is left to it; one that names no end of text cannot be asked for one.
    @Test func textsAreEndedOnce() throws {
        let folder = try assemble("plain")
        let plain = try EmbeddingModel(loading: folder, .encoding)
        let asked = try EmbeddingModel(loading: folder, .encoding, overrides: .init(endOfText: .append))
        let text = Array("green tea".utf8)
        #expect(try asked.tokenize(text, as: .query) == plain.tokenize(text, as: .query))
        #expect(asked.card.json["eos"] == "append" && plain.card.json["eos"] == nil)
        try edit("tokenizer.json", ["post_processor": nil])
        try edit("tokenizer_config.json", ["tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "[SEP]"])
        let ended = try EmbeddingModel(
            loading: folder, .training,
            overrides: .init(query: .init(maxLength: 3), endOfText: .append))
        let end = try #require(ended.tokenizer.id(of: "[SEP]"))
        let ids = try ended.tokenize(Array("green tea green tea".utf8), as: .query)
        #expect(ids.count == 3 && ids.last == end && !ids.dropLast().contains(end))
        #expect(try ended.tokenize(Array("green [SEP]".utf8), as: .document).filter { $0 == end }.count == 1)
        #expect(try ended.tokenize([], as: .document) == [end])
        // A copy's own tokenizer does it, for whoever loads the copy.
        try ended.savedAgain(to: temporary("copy")) { copy in
            let again = try copy.tokenize(Array("green tea green tea".utf8), as: .query)
            #expect(again == ids)
            #expect(copy.tokenizer.endsTexts)
        }
        try edit("tokenizer_config.json", ["eos_token": nil])
        #expect(throws: Failure.self) {
            try EmbeddingModel(loading: folder, .encoding, overrides: .init(endOfText: .append))
        }
    }

    @Test func attentionIsChosenForDecodersAlone() throws {
        let error = try #require(throws: Failure.self) {
            try EmbeddingModel(loading: assemble("plain"), .encoding, overrides: .init(attention: .causal))
        }
        #expect(error.exitStatus == .badConfiguration && error.description.contains("qwen3"))
    }

    @Test(
        arguments: [
            ("bias", "some"), ("fan_in_fan_out", true), ("rank_pattern", ["(?P<x>query)": 4]),
            ("rank_pattern", ["query": 0]), ("rank_pattern", [1]), ("alpha_pattern", ["query": -1]),
            ("alpha_pattern", ["(query": 1]), ("layers_pattern", "layer"), ("layers_to_transform", "0"),
            ("modules_to_save", "pooler"), ("modules_to_save", ["(pooler"]), ("trainable_token_indices", [3, 3]),
            ("trainable_token_indices", [-1]), ("trainable_token_indices", [1_000_000]),
            ("trainable_token_indices", ["nothing": [3]]), ("init_lora_weights", "pissa"),
            ("init_lora_weights", "olora"), ("init_lora_weights", "pissa_niter_4"), ("init_lora_weights", "corda"),
            ("init_lora_weights", "loftq"), ("target_modules", "encoder.*(query"), ("target_modules", "[[:alpha:]]+"),
            ("target_modules", #"\p{L}+"#), ("target_modules", []), ("target_modules", ""),
            ("target_modules", ["all-linear"]), ("exclude_modules", "(?i:query)"),
            ("target_parameters", "query.weight"), ("target_parameters", ["query.bias"]), ("use_qalora", true),
            ("use_bdlora", ["nblocks": 2]), ("ensure_weight_tying", true), ("alora_invocation_tokens", [1]),
            ("layer_replication", [[0, 1]]), ("kasa_config", ["k": 1]), ("r", 0), ("r", 100_000),
            ("lora_alpha", -1), ("lora_dropout", 2), ("peft_type", "IA3"), ("surprise", 1),
        ] as [(String, JSONValue)])
    func adaptersOfOtherKindsAreRefused(field: String, value: JSONValue) throws {
        let folder = try assemble("plain")
        let source = FolderTests.golden.appending("adapter-all-linear")
        for file in ["adapter_config.json", "adapter_model.safetensors"] {
            _ = try temporary.write(Files.readAll(source.appending(file)), to: "adapter/\(file)")
        }
        var config = try JSONValue.parse(file: temporary("adapter/adapter_config.json")).object!
        config[field] = value
        _ = try temporary.write(JSONValue.object(config).pretty(), to: "adapter/adapter_config.json")
        let error = try #require(throws: InputError.self) {
            try EmbeddingModel(loading: folder, .encoding, adapter: temporary("adapter"))
        }
        #expect(error.place.field == field)
        #expect(error.exitStatus == .badConfiguration)
    }

    /// What a configuration says was trained must be in the file, and what is in the file must be of the configuration.
    @Test(
        arguments: [
            ("use_dora", true, "lora_magnitude_vector"), ("bias", "all", "bias"), ("bias", "lora_only", "bias"),
            ("lora_bias", true, "lora_B.bias"), ("modules_to_save", ["LayerNorm"], "LayerNorm"),
            ("trainable_token_indices", [3], "token_adapter"), ("r", 5, "lora_"),
            ("rank_pattern", ["query": 5], "query"),
            ("exclude_modules", ["query"], "query"), ("target_modules", ["key"], "lora_"),
        ] as [(String, JSONValue, String)])
    func tensorsAreThoseOfTheConfiguration(field: String, value: JSONValue, tensor: String) throws {
        let folder = try assemble("plain")
        let source = FolderTests.golden.appending("adapter-all-linear")
        for file in ["adapter_config.json", "adapter_model.safetensors"] {
            _ = try temporary.write(Files.readAll(source.appending(file)), to: "adapter/\(file)")
        }
        var config = try JSONValue.parse(file: temporary("adapter/adapter_config.json")).object!
        config[field] = value
        _ = try temporary.write(JSONValue.object(config).pretty(), to: "adapter/adapter_config.json")
        let error = try #require(throws: InputError.self) {
            try EmbeddingModel(loading: folder, .encoding, adapter: temporary("adapter"))
        }
        #expect(error.place.field?.contains(tensor) == true, "\(error)")
    }

    /// An adapter of another base has other shapes, or another rank than its configuration says.
    @Test func adaptersThatDoNotFitAreRefused() throws {
        let folder = try assemble("plain")
        #expect(throws: (any Error).self) {
            try EmbeddingModel(
                loading: folder, .encoding, adapter: Golden()("tiny-adapter"))
        }
    }

    /// `all-linear` as a word, as it stands in configurations that were not saved by PEFT.
    @Test func allLinearIsEveryLayer() throws {
        let source = FolderTests.golden.appending("adapter-all-linear")
        _ = try temporary.write(
            Files.readAll(source.appending("adapter_model.safetensors")), to: "adapter/adapter_model.safetensors")
        var config = try JSONValue.parse(file: source.appending("adapter_config.json")).object!
        config["target_modules"] = "all-linear"
        _ = try temporary.write(JSONValue.object(config).pretty(), to: "adapter/adapter_config.json")
        try expectEqual(
            EmbeddingModel(loading: assemble("plain"), .encoding, adapter: temporary("adapter")), "adapter-all-linear")
    }

    @Test func weightsThatWereLaidOutForEncodingAreNotTrained() throws {
        let model = try EmbeddingModel(loading: assemble("plain"), .encoding)
        #expect(throws: TensorError.self) { try model.text.trainAll() }
        #expect(throws: TensorError.self) {
            try model.text.addAdapters(LoRAConfiguration(rank: 1, alpha: 1, dropout: 0, targets: ["query"]), seed: 1)
        }
        #expect(throws: TensorError.self) { try model.save(model.card, to: temporary("copy")) }
        #expect(!Files.exists(temporary("copy")))
    }
}

extension EmbeddingModel {
    /// Saves a copy and hands it over, loaded for encoding.
    fileprivate func savedAgain(to folder: FilePath, _ body: (EmbeddingModel) throws -> Void) throws {
        try save(card, to: folder)
        try body(EmbeddingModel(loading: folder, .encoding))
    }
}

extension RoleTokenizer {
    fileprivate func tokenCount(of text: String) throws -> Int {
        var ids: [Int32] = []
        _ = try Array(text.utf8).withUnsafeBytes { try append($0, to: &ids) }
        return ids.count
    }
}
