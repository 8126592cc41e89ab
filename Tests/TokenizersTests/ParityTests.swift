import Base
import JSON
import SystemPackage
import TestKit
import Testing
import Tokenizers

/// Ids equal to those of the `tokenizers` library; see `Golden/PROVENANCE.md`.
@Suite struct ParityTests {
    static let golden = try! JSONValue.parse(file: Golden()("parity.json"))
    static let model = sourceRoot.appending(".deps/models/all-MiniLM-L6-v2")

    @Test(arguments: ["verses", "queries", "mixed", "scalars"])
    func corporaAreThoseOfTheScript(_ name: String) throws {
        let texts = try ParityCorpora.texts(name, golden: Self.golden)
        var rows = SHA256Stream()
        for text in texts { Array((hexadecimal(text) + "\n").utf8).withUnsafeBytes { rows.update($0) } }
        #expect(rows.finalize().hex == Self.golden["texts"]![name]!.string!)
    }

    @Test(arguments: golden["configurations"]!.array!.map { $0["name"]!.string! })
    func idsEqualTheLibrarys(_ name: String) throws {
        let tokenizer = try Self.tokenizer(name)
        let blockCount = Self.golden["block"]!.integer!
        var texts: [String: [[UInt8]]] = [:]
        for testCase in Self.golden["cases"]!.array! where testCase["configuration"]!.string == name {
            let corpus = testCase["corpus"]!.string!
            let length = testCase["length"]!.integer!
            if texts[corpus] == nil { texts[corpus] = try ParityCorpora.texts(corpus, golden: Self.golden) }
            let rows = try texts[corpus]!.map { try tokenizer.ids($0, maxLength: length == 0 ? nil : length) }
            for example in testCase["examples"]?.array ?? [] {
                let index = example["index"]!.integer!
                #expect(rows[index] == example["ids"]!.array!.map { Int32($0.integer!) }, "\(corpus) text \(index)")
            }
            for (block, digest) in testCase["blocks"]!.array!.enumerated() {
                var stream = SHA256Stream()
                for row in rows[(block * blockCount)..<min((block + 1) * blockCount, rows.count)] {
                    let line = row.map(String.init).joined(separator: " ") + "\n"
                    Array(line.utf8).withUnsafeBytes { stream.update($0) }
                }
                #expect(
                    stream.finalize().hex.prefix(16) == digest.string!,
                    "make-golden.py MODEL NAVE --show \(name) \(corpus) \(block) \(length)")
            }
        }
    }

    /// MiniLM's tokenizer with the patch of a golden configuration.
    static func tokenizer(_ name: String) throws -> Tokenizer {
        let file = try JSONValue.parse(file: model.appending("tokenizer.json"))
        guard var root = file.object, var part = root["model"]?.object,
            let patch = golden["configurations"]!.array!.first(where: { $0["name"]!.string == name })
        else { throw Failure(.bug, "no golden configuration is called \(name)") }
        for (key, value) in patch["file"]!.object! { root[key] = value }
        for (key, value) in patch["model"]!.object! { part[key] = value }
        if part["vocab"]?.string == "scalars" { part["vocab"] = .object(scalarVocabulary()) }
        root["model"] = .object(part)
        return try Tokenizer(bytes: Array(JSONValue.object(root).pretty().utf8), path: name)
    }

    private static func scalarVocabulary() -> JSONObject {
        var fields: [(String, JSONValue)] = [("[UNK]", 0)]
        for value in 0..<UInt32(0x20000) {
            guard let scalar = Unicode.Scalar(value) else { continue }
            fields.append((String(scalar), JSONValue(fields.count)))
            fields.append(("##" + String(scalar), JSONValue(fields.count)))
        }
        return JSONObject(fields)
    }
}

extension Tokenizer {
    func ids(_ text: [UInt8], maxLength: Int? = nil) throws -> [Int32] {
        var ids: [Int32] = []
        try text.withUnsafeBytes { _ = try encode($0, maxLength: maxLength, into: &ids) }
        return ids
    }
}
