import Base
import JSON
import TestKit
import Testing
import Tokenizers

/// Files that are not what a `tokenizer.json` has to be: an error that names the field, never a guess.
@Suite struct MalformedFileTests {
    private enum Step {
        case field(String)
        case element(Int)
    }

    /// What does not change ids, and is not read.
    private static func isUnread(_ path: String) -> Bool {
        ["version", "padding", "decoder"].contains { path.begins(with: $0) }
            || [".pair", ".type_id"].contains { path.hasSuffix($0) } || path.contains(".pair[")
            || (path.contains(".special_tokens.") && (path.hasSuffix(".id") || path.contains(".tokens")))
            // Entries of long lists have tests of their own.
            || ["model.vocab[", "model.vocab.", "model.merges["].contains { path.begins(with: $0) }
    }

    /// Every value of a file by its path, as errors write it.
    private static func paths(_ value: JSONValue, _ steps: [Step] = [], _ name: String = "") -> [([Step], String)] {
        var paths = name.isEmpty ? [] : [(steps, name)]
        for (key, field) in value.object ?? [:] {
            paths += Self.paths(field, steps + [.field(key)], name.isEmpty ? key : name + "." + key)
        }
        for (index, element) in (value.array ?? []).enumerated() {
            paths += Self.paths(element, steps + [.element(index)], "\(name)[\(index)]")
        }
        return paths.filter { !isUnread($0.1) }
    }

    private static func replacing(_ value: JSONValue, _ steps: ArraySlice<Step>, by new: JSONValue?) -> JSONValue {
        switch steps.first {
        case nil: return new ?? .null
        case .field(let key):
            var object = value.object!
            object[key] = steps.count == 1 ? new : replacing(object[key]!, steps.dropFirst(), by: new)
            return .object(object)
        case .element(let index):
            var array = value.array!
            array[index] = replacing(array[index], steps.dropFirst(), by: new)
            return .array(array)
        }
    }

    private static func value(_ file: JSONValue, _ steps: [Step]) -> JSONValue {
        steps.reduce(file) { value, step in
            switch step {
            case .field(let key): value[key]!
            case .element(let index): value.array![index]
            }
        }
    }

    private static func error(_ file: JSONValue) -> InputError? {
        do {
            _ = try Tokenizer(bytes: Array(file.pretty().utf8), path: "tokenizer.json")
            return nil
        } catch {
            return error as? InputError ?? InputError("\(error)", at: Place(path: "", field: "not an InputError"))
        }
    }

    /// Whether an error for a field may stand for a fault at `path`: the field itself, or what it is in.
    private static func stands(_ field: String?, for path: String) -> Bool {
        guard let field else { return false }
        return field == path || path.begins(with: field + ".") || path.begins(with: field + "[")
            || field.begins(with: path)
    }

    private static let names = FamilyTests.golden["tokenizers"]!.object!.keys + ["bert"]

    private static func file(_ name: String) -> JSONValue {
        name == "bert" ? TokenizerTests.smallFile() : FamilyTests.file(name)
    }

    @Test(arguments: names)
    func valuesOfAnotherTypeAreRefusedByName(_ name: String) {
        let file = Self.file(name)
        for (steps, path) in Self.paths(file) {
            let wrong: JSONValue
            switch Self.value(file, steps) {
            case .string, .bool: wrong = 7
            // What may be missing must still be of its type.
            case .null: wrong = path == "model.dropout" ? 0.5 : [3]
            default: wrong = "x"
            }
            let error = Self.error(Self.replacing(file, steps[...], by: wrong))
            #expect(Self.stands(error?.place.field, for: path), "\(name), \(path): \(error?.description ?? "accepted")")
        }
    }

    @Test(arguments: names)
    func missingFieldsAreOptionalOrNamed(_ name: String) {
        let file = Self.file(name)
        for (steps, path) in Self.paths(file) {
            guard case .field = steps.last, let error = Self.error(Self.replacing(file, steps[...], by: nil)) else {
                continue
            }
            let parent = path.contains(".") ? String(path[..<path.lastIndex(of: ".")!]) : path
            // An old file's model is known by its fields; a special token is missed where it is used.
            #expect(
                Self.stands(error.place.field, for: parent) || path == "model.type" || path.contains("special_tokens"),
                "\(name), \(path): \(error)")
        }
    }

    @Test(arguments: [
        (#"{"model": {"type": "BPE", "vocab": {"a": 0, "a": 1}, "merges": []}}"#, "model.vocab"),
        (#"{"model": {"type": "BPE", "vocab": {"a": 4294967296}, "merges": []}}"#, "model.vocab"),
        (#"{"model": {"type": "BPE", "vocab": {"a": 0.5}, "merges": []}}"#, "model.vocab"),
        (#"{"model": {"type": "BPE", "vocab": ["a"], "merges": []}}"#, "model.vocab"),
        (#"{"model": {"type": "BPE", "merges": []}}"#, "model.vocab"),
        (#"{"model": {"type": "BPE", "vocab": {"a": 0}}}"#, "model.merges"),
        (#"{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": {}}}"#, "model.merges"),
        (#"{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a  a"]}}"#, "model.merges"),
        (#"{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [["a"]]}}"#, "model.merges"),
        (#"{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [["a", "a"]]}}"#, "model.merges"),
        (#"{"model": {"type": "Unigram", "unk_id": 0, "vocab": [["a", "b"]]}}"#, "model.vocab[0]"),
        (#"{"model": {"type": "Unigram", "unk_id": 0, "vocab": [["a", 0, 0]]}}"#, "model.vocab[0]"),
        (#"{"model": {"type": "Unigram", "unk_id": 0, "vocab": {"a": 0}}}"#, "model.vocab"),
        (#"{"model": {"type": "Unigram", "unk_id": 0, "unk_id": 0, "vocab": []}}"#, nil),
        (#"{"model": [], "model": []}"#, nil), (#"{"model": {"vocab": {"a": 1}}"#, nil),
        (#"{"model": {"unk_id": 18446744073709551615}}"#, nil), ("[]", nil), ("", nil), ("7", nil),
        (#"{"model": 3}"#, "model"), ("{}", "model"),
    ])
    func vocabulariesThatCannotBe(_ text: String, _ field: String?) {
        let error = #expect(throws: InputError.self) { try Tokenizer(bytes: Array(text.utf8), path: "t.json") }
        #expect(error?.place.path == "t.json" && error?.place.field == field, "\(error?.description ?? "")")
    }

    @Test(arguments: ["vocab.txt", "tokenizer.model", "sentencepiece.bpe.model", "vocab.json"])
    func foldersWithAnotherVocabularySayHowToConvertIt(_ name: String) throws {
        let folder = try TemporaryFolder()
        _ = try folder.write("x", to: name)
        _ = try folder.write("{}", to: "tokenizer_config.json")
        let error = #expect(throws: InputError.self) {
            try Tokenizer(folder: folder.path, defaultClass: "BertTokenizer")
        }
        #expect(error?.reason.contains(name) == true)
        #expect(error?.advice?.contains("python3 -c \"from transformers import") == true)
    }
}

extension String {
    /// By bytes: keys may begin with marks that combine with the dot before them.
    fileprivate func begins(with prefix: String) -> Bool { utf8.starts(with: prefix.utf8) }
}
