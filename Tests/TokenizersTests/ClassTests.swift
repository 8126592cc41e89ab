import Base
import JSON
import SystemPackage
import TestKit
import Testing
import Tokenizers

/// Folders as transformers 4 and 5 save them, with the ids that `AutoTokenizer` gives; see `Golden/PROVENANCE.md`.
@Suite struct ClassTests {
    static let golden = try! JSONValue.parse(pythonFile: Golden()("classes.json"))
    static let names = golden["cases"]!.array!.map { $0["name"]!.string! }

    /// The class that transformers 5 has for each type of model.
    static let classes = [
        "bert": "BertTokenizer", "distilbert": "BertTokenizer", "mpnet": "MPNetTokenizer",
        "roberta": "RobertaTokenizer",
        "gpt2": "GPT2Tokenizer", "qwen2": "Qwen2Tokenizer", "qwen3": "Qwen2Tokenizer",
        "xlm-roberta": "XLMRobertaTokenizer", "llama": "LlamaTokenizer", "mistral": "TokenizersBackend",
        "gemma3_text": "GemmaTokenizer", "modernbert": "TokenizersBackend",
    ]

    /// Folders that mean different things to transformers 4 and 5, or something else to one of them than their files say.
    static let refusedFolders = [
        "4-code-llama": "fill_token", "4-llama-none": "add_prefix_space",
    ]

    @Test(arguments: names)
    func idsEqualTransformers(_ name: String) throws {
        let files = try Self.files(name)
        if let field = Self.refusedFolders[name] {
            let error = #expect(throws: InputError.self) { try Self.open(name, files) }
            #expect(error?.place.field == field)
            return
        }
        let tokenizer = try Self.open(name, files)
        for (index, expected) in Self.testCase(name)["ids"]!.array!.enumerated() {
            let text = Self.golden["texts"]!.array![index].string!
            let ids = try tokenizer.ids(Array(text.utf8))
            #expect(ids == expected.array!.map { Int32($0.integer!) }, "text \(index): \(text)")
        }
    }

    /// Each file alone is fine; the two together are not.
    static let contradictions: [(name: String, field: String, value: JSONValue)] = [
        ("4-bert", "do_lower_case", false), ("4-bert", "strip_accents", false),
        ("4-bert", "tokenize_chinese_chars", false),
        ("4-bert", "cls_token", "[SEP]"), ("4-bert", "tokenizer_class", "RobertaTokenizer"),
        ("4-bert", "unk_token", "[MASK]"), ("4-mpnet", "do_lower_case", false), ("4-mpnet", "sep_token", "<pad>"),
        ("4-mpnet", "unk_token", "<s>"), ("4-roberta", "add_prefix_space", true),
        ("4-roberta-space", "add_prefix_space", nil),
        ("4-roberta", "cls_token", "<pad>"), ("4-roberta", "tokenizer_class", "BertTokenizer"),
        ("4-roberta", "mask_token", "[MASK]"), ("4-gpt2", "add_prefix_space", true), ("4-gpt2", "unk_token", "<unk>"),
        ("4-qwen2", "add_prefix_space", true), ("4-qwen2", "split_special_tokens", true),
        ("4-gpt2", "tokenizer_class", "Qwen2Tokenizer"), ("4-qwen2", "tokenizer_class", "GPT2Tokenizer"),
        ("4-xlm-roberta", "add_prefix_space", false), ("4-xlm-roberta", "eos_token", "<pad>"),
        ("4-xlm-roberta", "tokenizer_class", "LlamaTokenizer"), ("4-llama", "add_eos_token", true),
        ("4-llama", "add_bos_token", false), ("4-llama-end", "add_eos_token", false), ("4-llama", "legacy", true),
        ("4-llama", "add_prefix_space", false), ("4-llama", "from_slow", true), ("5-llama-legacy", "legacy", false),
        ("4-llama", "tokenizer_class", "GemmaTokenizer"), ("4-gemma", "add_eos_token", true),
        ("4-gemma", "add_bos_token", false), ("4-gemma", "unk_token", "<pad>"), ("4-gemma", "mask_token", "<other>"),
        ("4-modernbert", "add_prefix_space", true), ("4-modernbert", "extra_special_tokens", ["<new>"]),
        ("4-llama3", "tokenizer_class", "NoSuchTokenizer"), ("4-llama3", "fix_mistral_regex", true),
        ("4-llama3", "unheard_of", 1), ("4-llama3", "auto_map", ["AutoTokenizer": ["a.B", nil]]),
    ]

    @Test(arguments: contradictions.indices)
    func contradictionsAreRefusedByName(_ index: Int) throws {
        let (name, field, value) = Self.contradictions[index]
        var files = try Self.files(name)
        var fields = files["tokenizer_config.json"]!.object!
        fields[field] = value
        files["tokenizer_config.json"] = .object(fields)
        let error = #expect(throws: InputError.self) { try Self.open(name, files) }
        #expect(error?.place.field == field, "\(error.map(String.init(describing:)) ?? "")")
        #expect(error?.place.path.hasSuffix("tokenizer_config.json") == true)
    }

    /// transformers 5 takes a byte-level Llama's file as it is, and a Mistral's in any case.
    @Test func filesCountWhereTheClassDoesNot() throws {
        var files = try Self.files("4-llama3")
        var fields = files["tokenizer_config.json"]!.object!
        fields["tokenizer_class"] = "LlamaTokenizerFast"
        files["tokenizer_config.json"] = .object(fields)
        let tokenizer = try Self.open("4-llama3", files)
        let expected = try Self.open("4-llama3", Self.files("4-llama3"))
        for text in Self.golden["texts"]!.array!.map({ Array($0.string!.utf8) }) {
            #expect(try tokenizer.ids(text) == expected.ids(text))
        }
    }

    // MARK: - Folders

    static func testCase(_ name: String) -> JSONValue {
        golden["cases"]!.array!.first { $0["name"]!.string == name }!
    }

    /// The files of a case, with the vocabulary, the merges and the table put in that it shares with others.
    static func files(_ name: String) throws -> JSONObject {
        func complete(_ value: JSONValue) -> JSONValue {
            switch value {
            case .object(let object):
                .object(
                    JSONObject(
                        object.map { field, value in
                            switch (field, value.integer) {
                            case ("vocab", let index?), ("merges", let index?): (field, golden["shared"]!.array![index])
                            case ("precompiled_charsmap", _): (field, FamilyTests.golden["charsmap"]!)
                            default: (field, complete(value))
                            }
                        }))
            case .array(let array): .array(array.map(complete))
            default: value
            }
        }
        return JSONObject(testCase(name)["files"]!.object!.map { ($0, complete($1)) })
    }

    static func open(_ name: String, _ files: JSONObject) throws -> Tokenizer {
        let folder = try TemporaryFolder()
        for (file, value) in files {
            try folder.write(value.pretty(), to: file)
        }
        return try Tokenizer(folder: folder.path, defaultClass: classes[testCase(name)["modelType"]!.string!]!)
    }
}
