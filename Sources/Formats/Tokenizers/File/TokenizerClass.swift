/// What one of transformers' tokenizer classes makes of a `tokenizer.json`.
///
/// Most classes of version 5 take vocabulary, merges and added tokens from the file and build the other steps anew, from
/// `tokenizer_config.json`; those of version 4 take the file as it is but for a few flags.
///
/// Source: `models/*/tokenization_*.py` of transformers 5.24, `models/*/tokenization_*_fast.py` of 4.57.
struct TokenizerClass {
    /// The steps that version 5 builds.
    enum Steps {
        /// Those of the file.
        case file
        /// BERT's normalizer, words and WordPiece.
        case bert
        /// Byte-level pairs as GPT-2 splits words, without a normalizer.
        case gpt2
        /// Byte-level pairs as Qwen 2 splits words, after NFC.
        case qwen2
        /// Unigram over words that begin with `▁`.
        case xlmRoberta
        /// Byte pairs with byte fallback over whole texts, `▁` for spaces and before a text.
        case llama
        /// The same, without `▁` before a text.
        case gemma
    }

    /// What stands around a text.
    enum Ends {
        /// What the file's post-processor puts there.
        case file
        /// One token of the class before it and one behind it; fields of `tokenizer_config.json`.
        case tokens(before: String, after: String)
        /// Version 4 has `add_bos_token` and `add_eos_token` decide, version 5 the file.
        case flags
        /// Version 4 has these flags decide, version 5 puts the first token of the class before each text.
        case first
    }

    /// Without `Fast`.
    let name: String
    let steps: Steps
    let ends: Ends
    /// Special tokens that the class has where the configuration does not name others.
    let tokens: [String: String]

    /// The class of a name, with or without `Fast`; nil if it is not built in.
    static func named(_ name: String) -> TokenizerClass? { table.first { $0.name == stem(name) } }

    static var names: [String] { table.map(\.name) }

    static func stem(_ name: String) -> String { name.hasSuffix("Fast") ? String(name.dropLast(4)) : name }

    private static let bertTokens = [
        "unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]",
    ]
    private static let robertaTokens = [
        "bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "cls_token": "<s>", "unk_token": "<unk>",
        "pad_token": "<pad>", "mask_token": "<mask>",
    ]
    private static let llamaTokens = ["unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"]
    private static let aroundBERT = Ends.tokens(before: "cls_token", after: "sep_token")

    private static let table = [
        TokenizerClass(name: "BertTokenizer", steps: .bert, ends: aroundBERT, tokens: bertTokens),
        TokenizerClass(name: "DistilBertTokenizer", steps: .bert, ends: aroundBERT, tokens: bertTokens),
        TokenizerClass(
            name: "MPNetTokenizer", steps: .bert, ends: aroundBERT,
            tokens: robertaTokens.merging(["unk_token": "[UNK]"]) { $1 }),
        TokenizerClass(name: "RobertaTokenizer", steps: .gpt2, ends: aroundBERT, tokens: robertaTokens),
        TokenizerClass(
            name: "XLMRobertaTokenizer", steps: .xlmRoberta, ends: .tokens(before: "bos_token", after: "eos_token"),
            tokens: robertaTokens),
        TokenizerClass(
            name: "GPT2Tokenizer", steps: .gpt2, ends: .file,
            tokens: ["unk_token": "<|endoftext|>", "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"]),
        TokenizerClass(
            name: "Qwen2Tokenizer", steps: .qwen2, ends: .file,
            tokens: ["unk_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"]),
        TokenizerClass(name: "LlamaTokenizer", steps: .llama, ends: .flags, tokens: llamaTokens),
        TokenizerClass(
            name: "CodeLlamaTokenizer", steps: .llama, ends: .first,
            tokens: llamaTokens.merging([
                "prefix_token": "▁<PRE>", "middle_token": "▁<MID>", "suffix_token": "▁<SUF>", "eot_token": "▁<EOT>",
                "fill_token": "<FILL_ME>",
            ]) { $1 }),
        TokenizerClass(
            name: "GemmaTokenizer", steps: .gemma, ends: .flags,
            tokens: [
                "unk_token": "<unk>", "bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>",
                "mask_token": "<mask>",
            ]),
        TokenizerClass(name: "PreTrainedTokenizer", steps: .file, ends: .file, tokens: [:]),
        TokenizerClass(name: "TokenizersBackend", steps: .file, ends: .file, tokens: [:]),
    ]
}
