import Base
import JSON
import Testing
import Tokenizers

@Suite struct TokenizerTests {
    /// A tokenizer of a few pieces; `patch` replaces fields of the file, `model` fields of its model.
    static func small(_ patch: JSONObject = [:], model: JSONObject = [:]) throws -> Tokenizer {
        try Tokenizer(bytes: smallFile(patch, model: model).canonical(), path: "tokenizer.json")
    }

    static func smallFile(_ patch: JSONObject = [:], model modelPatch: JSONObject = [:]) -> JSONValue {
        var model: JSONObject = [
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 20,
            "vocab": [
                "[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "faith": 3, "##ful": 4, "##ness": 5, "f": 6, "a": 7, ",": 8,
                "unforgettable": 9, "##unforgettable": 10, "é": 11,
            ],
        ]
        for (key, value) in modelPatch { model[key] = value }
        var file: JSONObject = [
            "version": "1.0", "truncation": nil, "padding": nil, "added_tokens": [],
            "normalizer": [
                "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": nil,
                "lowercase": true,
            ],
            "pre_tokenizer": ["type": "BertPreTokenizer"],
            "post_processor": ["type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]],
            "decoder": nil, "model": .object(model),
        ]
        for (key, value) in patch { file[key] = value }
        return .object(file)
    }

    @Test func longestPiecesFirst() throws {
        let tokenizer = try Self.small()
        #expect(try tokenizer.ids(Array("Faithfulness, a".utf8)) == [1, 3, 4, 5, 8, 7, 2])
        #expect(try tokenizer.ids(Array("unforgettableunforgettable".utf8)) == [1, 0, 2], "more than 20 characters")
        #expect(try tokenizer.ids(Array("faithx".utf8)) == [1, 0, 2], "no piece covers the rest")
        #expect(try tokenizer.ids([]) == [1, 2])
    }

    @Test func idsOfTokens() throws {
        let tokenizer = try Self.small()
        #expect(tokenizer.id(of: "##ful") == 4)
        #expect(tokenizer.id(of: "e\u{301}") == nil, "tokens are told apart by bytes, not by canonical equivalence")
        #expect(tokenizer.id(of: "é") == 11)
        #expect(tokenizer.id(of: "unforgettabl") == nil)
        #expect(tokenizer.vocabularySize == 12)
        #expect(tokenizer.highestID == 11)
        #expect(tokenizer.specialTokenCount == 2)
    }

    @Test(arguments: [(nil, 7), (7, 7), (6, 6), (3, 3), (2, 2), (1, 2), (0, 2)] as [(Int?, Int)])
    func truncationKeepsSpecialTokensAndReports(_ limit: Int?, _ count: Int) throws {
        let tokenizer = try Self.small()
        var ids: [Int32] = [99]
        let encoding = try Array("Faithfulness, a".utf8).withUnsafeBytes {
            try tokenizer.encode($0, maxLength: limit, into: &ids)
        }
        #expect(encoding.count == count)
        #expect(encoding.untruncatedCount == 7)
        #expect(encoding.wasTruncated == (count < 7))
        #expect(ids == [99, 1] + [3, 4, 5, 8, 7].prefix(count - 2) + [2])
    }

    @Test func resultsDoNotDependOnTheThread() async throws {
        let tokenizer = try Self.small()
        let text = Array("faithful, a\u{301} faithfulness".utf8)
        let expected = try tokenizer.ids(text)
        let all = try await withThrowingTaskGroup(of: [Int32].self) { group in
            for _ in 0..<64 { group.addTask { try tokenizer.ids(text) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(all == Array(repeating: expected, count: 64))
    }

    static let refused: [(patch: JSONObject, model: JSONObject, field: String)] = [
        (["normalizer": ["type": "Rot13"]], [:], "normalizer.type"),
        (
            ["normalizer": ["type": "Sequence", "normalizers": [["type": "Lowercase"], ["type": "Rot13"]]]], [:],
            "normalizer.normalizers[1].type"
        ),
        (["pre_tokenizer": ["type": "ByteLevel"]], [:], "pre_tokenizer.add_prefix_space"),
        (["post_processor": ["type": "RobertaProcessing"]], [:], "post_processor.cls"),
        ([:], ["type": "WordLevel"], "model.type"),
        ([:], ["unk_token": "[unk]"], "model.unk_token"),
        ([:], ["vocab": ["[UNK]": -1]], "model.vocab"),
        ([:], ["dropout": 0.1], "model.dropout"),
        (["pre_tokenizer": ["type": "BertPreTokenizer", "mode": 1]], [:], "pre_tokenizer.mode"),
        (["normalizer": ["type": "BertNormalizer", "clean_text": true]], [:], "normalizer.lowercase"),
        (["post_processor": ["type": "TemplateProcessing", "single": [], "special_tokens": [:]]], [:], "single"),
        (
            ["truncation": ["max_length": 8, "strategy": "OnlySecond", "stride": 0, "direction": "Right"]], [:],
            "truncation.strategy"
        ),
        (["added_tokens": [added("[SEP]", 1)]], [:], "added_tokens[0].id"),
        (["added_tokens": [added("new", 99)]], [:], "added_tokens[0].id"),
        (["added_tokens": [added("", 12)]], [:], "added_tokens[0].content"),
        (["added_tokens": [added("x", 12), added("x", 12)]], [:], "added_tokens[1].content"),
        (
            ["added_tokens": [added("Xy", 12, normalized: true), added("xY", 13, normalized: true)]], [:],
            "added_tokens.content"
        ),
        (["added_tokens": [added("\u{301}", 12, normalized: true)]], [:], "added_tokens.content"),
        (["surprise": 1], [:], "surprise"),
    ]

    @Test(arguments: refused.indices)
    func whatIsNotBuiltInIsRefused(_ index: Int) {
        let (patch, model, field) = Self.refused[index]
        let error = #expect(throws: InputError.self) { try Self.small(patch, model: model) }
        #expect(error?.place.path == "tokenizer.json")
        #expect(error?.place.field?.hasSuffix(field) == true, "\(error.map(String.init(describing:)) ?? "")")
    }

    static func bert(_ lowercases: Bool) -> JSONValue {
        [
            "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": nil,
            "lowercase": .bool(lowercases),
        ]
    }

    /// sentence-transformers 6 puts `Lowercase` before the normalizer of a folder that asks for lowercasing. Accents are
    /// stripped where the normalizer itself lowercases.
    @Test(
        arguments: [
            ([["type": "Lowercase"], bert(true)], [1, 3, 4, 6, 2]),
            ([["type": "Lowercase"], bert(false)], [1, 3, 4, 0, 2]),
            ([bert(false), ["type": "Lowercase"]], [1, 3, 4, 0, 2]), ([["type": "Lowercase"]], [1, 3, 4, 0, 2]),
            ([bert(false)], [1, 0, 0, 2]), ([], [1, 0, 0, 2]),
        ] as [([JSONValue], [Int32])])
    func sequencesOfNormalizers(normalizers: [JSONValue], expected: [Int32]) throws {
        let tokenizer = try Self.small(["normalizer": ["type": "Sequence", "normalizers": .array(normalizers)]])
        #expect(try tokenizer.ids(Array("FAITHful F\u{301}".utf8)) == expected)
    }

    static func added(_ content: String, _ id: Int, normalized: Bool = false) -> JSONValue {
        [
            "id": JSONValue(id), "content": .string(content), "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": .bool(normalized), "special": false,
        ]
    }

    @Test func brokenFilesAreRefusedWithTheirPlace() {
        let error = #expect(throws: InputError.self) {
            try Tokenizer(bytes: Array(#"{"model": {"vocab": "#.utf8), path: "t.json")
        }
        #expect(error?.place.path == "t.json")
        #expect(throws: InputError.self) { try Tokenizer(bytes: Array("[]".utf8), path: "t.json") }
    }
}
