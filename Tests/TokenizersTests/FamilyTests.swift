import Base
import JSON
import TestKit
import Testing
import Tokenizers

/// Small tokenizers as the families of text models have them, with the ids that the `tokenizers` library gives; see
/// `Golden/PROVENANCE.md`.
@Suite struct FamilyTests {
    static let golden = try! JSONValue.parse(file: Golden()("families.json"))
    static let corpora = try! ["verses", "mixed", "scalars"].map { name in
        (name, try ParityCorpora.texts(name, golden: ParityTests.golden))
    }

    @Test(arguments: golden["tokenizers"]!.object!.keys)
    func idsEqualTheLibrarys(_ name: String) throws {
        let tokenizer = try Self.tokenizer(name)
        let blockCount = Self.golden["block"]!.integer!
        for testCase in Self.golden["cases"]!.array! where testCase["tokenizer"]!.string == name {
            let corpus = testCase["corpus"]!.string!
            let length = testCase["length"]!.integer!
            let texts = Self.corpora.first { $0.0 == corpus }!.1
            for (block, digest) in testCase["blocks"]!.array!.enumerated() {
                let count = corpus == "verses" ? 3 * blockCount : texts.count
                var stream = SHA256Stream()
                for text in texts[(block * blockCount)..<min((block + 1) * blockCount, count)] {
                    let ids = try tokenizer.ids(text, maxLength: length == 0 ? nil : length)
                    Array((ids.map(String.init).joined(separator: " ") + "\n").utf8).withUnsafeBytes {
                        stream.update($0)
                    }
                }
                #expect(
                    stream.finalize().hex.prefix(16) == digest.string!,
                    "make-families.py NAVE --show \(name) \(corpus) \(block) \(length)")
            }
        }
    }

    /// A workspace remembers words; what it remembers must not depend on what came before, nor on the thread.
    @Test(arguments: ["gpt2", "llama2", "xlm-roberta"])
    func idsAreTheSameOnManyThreads(_ name: String) async throws {
        let tokenizer = try Self.tokenizer(name)
        let texts = Array(Self.corpora[1].1.prefix(2000))
        let expected = try texts.map { try tokenizer.ids($0) }
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for start in 0..<4 {
                group.addTask {
                    try (0..<texts.count).allSatisfy { offset in
                        let index = (offset + start * 500) % texts.count
                        return try tokenizer.ids(texts[index]) == expected[index]
                    }
                }
            }
            for try await isEqual in group { #expect(isEqual) }
        }
    }

    /// Merges as lists, as tokenizers 0.20 and later write them, and as lines, as earlier ones do.
    @Test func mergesMayBeWrittenAsLines() throws {
        var file = Self.file("gpt2").object!
        var model = file["model"]!.object!
        model["merges"] = .array(
            model["merges"]!.array!.map { pair in
                .string(pair.array!.map { $0.string! }.joined(separator: " "))
            })
        file["model"] = .object(model)
        let lines = try Tokenizer(bytes: Array(JSONValue.object(file).pretty().utf8), path: "lines")
        let lists = try Self.tokenizer("gpt2")
        for text in Self.corpora[0].1.prefix(200) { #expect(try lines.ids(text) == lists.ids(text)) }
    }

    static let refused: [(tokenizer: String, part: String, field: String, value: JSONValue, named: String)] = [
        ("gpt2", "model", "dropout", 0.1, "model.dropout"),
        ("gpt2", "model", "merges", ["a b c"], "model.merges"),
        ("gpt2", "model", "merges", [["a", "no such token"]], "model.merges"),
        ("gpt2", "model", "unk_token", "no such token", "model.unk_token"),
        ("gpt2", "model", "byte_fallback", true, "model.byte_fallback"),
        ("gpt2", "model", "renormalise", true, "model.renormalise"),
        ("xlm-roberta", "model", "unk_id", nil, "model.unk_id"),
        ("xlm-roberta", "model", "unk_id", 100_000, "model.unk_id"),
        ("xlm-roberta", "model", "vocab", [["a", "b"]], "model.vocab[0]"),
        ("xlm-roberta", "normalizer", "precompiled_charsmap", "AAAA", "normalizer.precompiled_charsmap"),
        ("xlm-roberta", "normalizer", "precompiled_charsmap", "no base64", "normalizer.precompiled_charsmap"),
        ("t5", "pre_tokenizer", "prepend_scheme", "sometimes", "pre_tokenizer.prepend_scheme"),
        ("t5", "pre_tokenizer", "replacement", "__", "pre_tokenizer.replacement"),
        ("gemma3", "pre_tokenizer", "behavior", "Doubled", "pre_tokenizer.behavior"),
        ("gemma3", "pre_tokenizer", "pattern", ["Regex": "("], "pre_tokenizer.pattern.Regex"),
    ]

    @Test(arguments: refused.indices)
    func whatWouldChangeIdsIsRefusedByName(_ index: Int) throws {
        let (name, part, field, value, named) = Self.refused[index]
        var file = Self.file(name).object!
        var changed = file[part]!.object!
        changed[field] = value
        file[part] = .object(changed)
        let error = #expect(throws: InputError.self) {
            try Tokenizer(bytes: Array(JSONValue.object(file).pretty().utf8), path: name)
        }
        #expect(error?.place.field == named, "\(error.map(String.init(describing:)) ?? "")")
    }

    /// A search that never ends by itself is given up by Oniguruma; that is an error, and not the end of the matches.
    @Test func expressionsThatTakeTooLongAreErrors() throws {
        var file = Self.file("gpt2").object!
        file["pre_tokenizer"] = [
            "type": "Split", "pattern": ["Regex": "(?:a+a+)+b"], "behavior": "Isolated", "invert": false,
        ]
        let tokenizer = try Tokenizer(bytes: Array(JSONValue.object(file).pretty().utf8), path: "slow")
        let error = #expect(throws: InputError.self) {
            try tokenizer.ids([UInt8](repeating: UInt8(ascii: "a"), count: 2000))
        }
        #expect(error?.reason.contains("gave up") == true)
    }

    /// A tokenizer of the golden file, with the table of normalizations put in that it shares with others.
    static func tokenizer(_ name: String) throws -> Tokenizer {
        try Tokenizer(bytes: Array(file(name).pretty().utf8), path: name)
    }

    static func file(_ name: String) -> JSONValue {
        func complete(_ value: JSONValue) -> JSONValue {
            switch value {
            case .object(let object):
                .object(
                    JSONObject(object.map { ($0, $0 == "precompiled_charsmap" ? golden["charsmap"]! : complete($1)) }))
            case .array(let array): .array(array.map(complete))
            default: value
            }
        }
        var file = golden["tokenizers"]![name]!.object!
        if let normalizer = file["normalizer"] { file["normalizer"] = complete(normalizer) }
        return .object(file)
    }
}
