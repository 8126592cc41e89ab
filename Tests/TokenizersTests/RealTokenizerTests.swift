import Base
import JSON
import SystemPackage
import TestKit
import Testing
import Tokenizers

/// Ten published tokenizers on 10,000 hostile lines each, against the ids that the `tokenizers` library gives; see
/// `Golden/PROVENANCE.md`. `scripts/real-tokenizers.py` makes their files.
@Suite struct RealTokenizerTests {
    static let golden = try! JSONValue.parse(file: Golden()("real.json"))
    static let lines = ParityCorpora.mixedLines(golden["lines"]!)
    static let names = golden["cases"]!.object!.keys

    static func file(_ name: String) -> FilePath {
        sourceRoot.appending(".deps/tokenizers").appending(name + ".json")
    }

    @Test func linesAreThoseOfTheScript() {
        var rows = SHA256Stream()
        for line in Self.lines { Array((hexadecimal(line) + "\n").utf8).withUnsafeBytes { rows.update($0) } }
        #expect(rows.finalize().hex == Self.golden["text"]!.string!)
    }

    @Test(arguments: names)
    func idsEqualTheLibrarys(_ name: String) throws {
        guard Files.exists(Self.file(name)) else {
            try Test.cancel("\(Self.file(name)) is not there: scripts/real-tokenizers.py makes it")
        }
        let tokenizer = try Tokenizer(file: Self.file(name))
        let blockCount = Self.golden["block"]!.integer!
        for (block, digest) in Self.golden["cases"]![name]!.array!.enumerated() {
            var rows = SHA256Stream()
            for line in Self.lines[(block * blockCount)..<((block + 1) * blockCount)] {
                let row = try tokenizer.ids(line).map(String.init).joined(separator: " ") + "\n"
                Array(row.utf8).withUnsafeBytes { rows.update($0) }
            }
            #expect(rows.finalize().hex.prefix(16) == digest.string!, "make-real.py FOLDER --show \(name) \(block)")
        }
    }
}
