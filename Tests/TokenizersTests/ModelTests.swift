import Base
import JSON
import Testing
import Tokenizers

/// The models against plain searches for the same answer, on random vocabularies and words.
@Suite struct ModelTests {
    /// A `tokenizer.json` without normalizer, pre-tokenizer and special tokens.
    static func tokenizer(_ model: JSONValue, _ patch: JSONObject = [:]) throws -> Tokenizer {
        var file: JSONObject = ["added_tokens": [], "model": model]
        for (key, value) in patch { file[key] = value }
        return try Tokenizer(bytes: JSONValue.object(file).canonical(), path: "tokenizer.json")
    }

    private static func word(_ random: inout SplitMix64, _ letters: [String], upTo limit: UInt64) -> [String] {
        (0...random.next(below: limit)).map { _ in letters[Int(random.next(below: UInt64(letters.count)))] }
    }

    /// Of all pairs that merge, the one of the lowest rank, leftmost; until none does.
    @Test(arguments: UInt64(0)..<40)
    func bytePairsMergeByRankThenPlace(_ round: UInt64) throws {
        var random = SplitMix64(seed: 3, round)
        var tokens = ["a", "b", "é", "語"]
        var merges: [(left: String, right: String)] = []
        while merges.count < 60 {
            let left = tokens[Int(random.next(below: UInt64(tokens.count)))]
            let right = tokens[Int(random.next(below: UInt64(tokens.count)))]
            guard !tokens.contains(left + right), left.count + right.count < 12 else { continue }
            tokens.append(left + right)
            merges.append((left, right))
        }
        let tokenizer = try Self.tokenizer([
            "type": "BPE", "vocab": .object(JSONObject(tokens.enumerated().map { ($1, JSONValue($0)) })),
            "merges": .array(merges.map { [.string($0.left), .string($0.right)] }),
        ])
        for _ in 0..<200 {
            let letters = Self.word(&random, Array(tokens.prefix(4)), upTo: 40)
            var parts = letters
            while let rank = merges.firstIndex(where: { merge in
                zip(parts, parts.dropFirst()).contains { $0 == merge.left && $1 == merge.right }
            }) {
                let place = (0..<(parts.count - 1)).first {
                    parts[$0] == merges[rank].left && parts[$0 + 1] == merges[rank].right
                }!
                parts[place...(place + 1)] = [parts[place] + parts[place + 1]]
            }
            #expect(try tokenizer.ids(Array(letters.joined().utf8)) == parts.map { Int32(tokens.firstIndex(of: $0)!) })
        }
    }

    /// No other way to take a word apart has a higher sum of scores.
    @Test(arguments: UInt64(0)..<40)
    func unigramFindsTheHighestSum(_ round: UInt64) throws {
        var random = SplitMix64(seed: 4, round)
        let letters = ["a", "b", "é", "語"]
        var tokens: [(text: String, score: Double)] = [("<unk>", 0)]
        for letter in letters { tokens.append((letter, -8 - random.nextUnit())) }
        while tokens.count < 40 {
            let text = Self.word(&random, letters, upTo: 5).joined()
            guard !tokens.contains(where: { $0.text == text }) else { continue }
            tokens.append((text, -20 * random.nextUnit()))
        }
        let tokenizer = try Self.tokenizer([
            "type": "Unigram", "unk_id": 0, "vocab": .array(tokens.map { [.string($0.text), .number($0.score)] }),
        ])
        func best(_ word: ArraySlice<String>) -> Double {
            if word.isEmpty { return 0 }
            return (1...word.count).compactMap { count in
                tokens.first { $0.text == word.prefix(count).joined() }.map { $0.score + best(word.dropFirst(count)) }
            }.max()!
        }
        for _ in 0..<50 {
            let word = Self.word(&random, letters, upTo: 9)
            let ids = try tokenizer.ids(Array(word.joined().utf8))
            #expect(ids.map { tokens[Int($0)].text }.joined() == word.joined())
            let sum = ids.reduce(0) { $0 + tokens[Int($1)].score }
            #expect(abs(sum - best(word[...])) < 1e-9, "\(word)")
        }
    }

    @Test func unknownCharactersOfUnigramAreOneTokenOrBytes() throws {
        var tokens: [JSONValue] = [["<unk>", 0], ["a", -1]]
        func unigram(_ fallsBack: Bool) throws -> Tokenizer {
            try Self.tokenizer([
                "type": "Unigram", "unk_id": 0, "byte_fallback": .bool(fallsBack), "vocab": .array(tokens),
            ])
        }
        let text = Array("aéé語a".utf8)
        #expect(try unigram(false).ids(text) == [1, 0, 1])
        #expect(try unigram(true).ids(text) == [1, 0, 1], "no token for the bytes")
        for byte in Set(text).subtracting([0x61]).sorted() {
            tokens.append([.string("<0x\(hexadecimal([byte]).uppercased())>"), -30])
        }
        let ids = try unigram(true).ids(text)
        #expect(ids.count == 9 && !ids.contains(0))
        #expect(ids[1...2] == ids[3...4])
    }

    static let behaviors: [(behavior: String, words: [String])] = [
        ("Removed", ["the", "final", "countdown"]),
        ("Isolated", ["the", "-", "final", "-", "-", "countdown"]),
        ("MergedWithPrevious", ["the-", "final-", "-", "countdown"]),
        ("MergedWithNext", ["the", "-final", "-", "-countdown"]),
        ("Contiguous", ["the", "-", "final", "--", "countdown"]),
    ]

    /// The example of the library's documentation.
    @Test(arguments: behaviors)
    func splitBehaviors(_ behavior: String, _ words: [String]) throws {
        let names = ["[UNK]"] + Set(Self.behaviors.flatMap(\.words)).sorted()
        let tokenizer = try Self.tokenizer(
            [
                "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                "max_input_chars_per_word": 100,
                "vocab": .object(JSONObject(names.enumerated().map { ($1, JSONValue($0)) })),
            ],
            [
                "pre_tokenizer": [
                    "type": "Split", "pattern": ["String": "-"], "behavior": .string(behavior), "invert": false,
                ]
            ])
        let ids = try tokenizer.ids(Array("the-final--countdown".utf8))
        #expect(ids.map { names[Int($0)] } == words)
    }

    /// A cut text has the ids of the whole one, less those at the side that is cut.
    @Test(arguments: ["Left", "Right"])
    func truncationIsAPartOfTheWhole(_ direction: String) throws {
        var file = FamilyTests.file("xlm-roberta").object!
        file["truncation"] = [
            "direction": .string(direction), "max_length": 8, "strategy": "LongestFirst", "stride": 0,
        ]
        let tokenizer = try Tokenizer(bytes: Array(JSONValue.object(file).pretty().utf8), path: "cut")
        for text in FamilyTests.corpora[1].1.prefix(300) {
            let whole = try tokenizer.ids(text)
            for limit in [0, 2, 3, 7, 40] {
                let kept = max(0, min(whole.count, limit) - 2)
                let inner = whole.dropFirst().dropLast()
                let expected =
                    [whole[0]] + (direction == "Left" ? inner.suffix(kept) : inner.prefix(kept)) + [whole.last!]
                #expect(try tokenizer.ids(text, maxLength: limit) == expected)
            }
        }
    }

    /// What stands between added tokens is tokenised as if it stood alone.
    @Test func addedTokensCutTheText() throws {
        let tokenizer = try FamilyTests.tokenizer("gpt2")
        let end = tokenizer.id(of: "<|endoftext|>")!
        let texts = Array(FamilyTests.corpora[1].1.prefix(400))
        for (left, right) in zip(texts, texts.dropFirst()) {
            let joined = try tokenizer.ids(left + Array("<|endoftext|>".utf8) + right)
            #expect(joined == (try tokenizer.ids(left)) + [end] + (try tokenizer.ids(right)))
        }
    }

    /// As the library: an added token that is not in the vocabulary gets the first id above all others.
    @Test func addedTokensComeAfterAllIDs() throws {
        let model: JSONValue = [
            "type": "BPE", "vocab": ["a": 0, "b": 7], "merges": [],
        ]
        func added(_ tokens: (String, Int)...) -> JSONObject {
            ["added_tokens": .array(tokens.map { TokenizerTests.added($0.0, $0.1) })]
        }
        let tokenizer = try Self.tokenizer(model, added(("x", 2), ("b", 7), ("y", 8)))
        #expect(try tokenizer.ids(Array("axby".utf8)) == [0, 2, 7, 8])
        #expect(tokenizer.highestID == 8)
        #expect(throws: InputError.self) { try Self.tokenizer(model, added(("b", 7), ("y", 2))) }
    }
}
