import Base
import JSON
import MappedSources
import Store
import SystemPackage
import TestKit
import Testing

/// Columns of names of files, which `--assets` takes: what they are is guessed, shown, and never taken for texts.
@Suite struct AssetTests {
    let place: MappedPlace

    init() throws {
        place = try MappedPlace()
        for number in 1...3 { try place.folder.write(Self.png(UInt8(number)), to: "photos/\(number).png") }
        try place.write(
            (1...3).map { #"{"caption":"picture \#($0)","image":"\#($0).png"}"# }, to: "own.jsonl")
    }

    /// The head of a PNG, and what makes it another one.
    static func png(_ seed: UInt8) -> [UInt8] {
        [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13] + Array("IHDR".utf8)
            + [0, 0, 0, 5, 0, 0, 0, 4, 8, 2, 0, 0, 0] + Array(repeating: seed, count: 100)
    }

    func convert(_ arguments: [String]) throws -> ToolResult { try place.run("tvt-convert", arguments) }

    /// Whether all documents of a dataset are images of the store.
    func holdsImages(_ name: String) throws -> Bool {
        let dataset = try place.store.dataset(name)
        guard dataset.documentCount == 3, dataset.mediaCount == 3 else { return false }
        return try (0..<3).allSatisfy { number in
            let document = try place.document(dataset, number)
            return document["document_text"] == nil
                && document["document_image"]?["digest"]?.string?.hasPrefix("sha256:") == true
        }
    }

    @Test func namesOfFilesAreGuessedToBeImages() throws {
        let shown = try convert(["rows", "own.jsonl", "--assets", "photos"])
        let command =
            "tvt-convert rows own.jsonl --query caption --positive image --image image --assets photos --dataset own"
        #expect(shown.status == 0 && shown.outputText.contains(command), "\(shown.outputText)")
        let json = try convert(["rows", "own.jsonl", "--assets", "photos", "--json"])
        #expect(try JSONValue.parse(json.output, path: "shown")["command"]?.string == command)
        let taken = try convert(["rows", "own.jsonl", "--assets", "photos", "--yes"])
        #expect(taken.status == 0, "\(taken.errorText)")
        #expect(try holdsImages("own"))
        let again = try convert(command.split(separator: " ").dropFirst().dropLast().map(String.init) + ["again"])
        #expect(again.status == 0, "\(again.errorText)")
        #expect(try holdsImages("again"))
    }

    /// Lists of names, and structures as the library `datasets` writes them.
    @Test(arguments: [
        (#"["NAME"]"#, "--positive images --image images"), (#"{"path":"NAME"}"#, "--positive images --image images"),
        (#"{"bytes":null,"path":"NAME"}"#, "--positive images --image images"),
    ])
    func listsAndStructuresOfNamesAreFilesToo(value: String, words: String) throws {
        try place.write(
            (1...3).map {
                #"{"question":"q \#($0)","images":"# + value.replacing("NAME", with: "\($0).png") + "}"
            }, to: "rows.jsonl")
        let shown = try convert(["rows", "rows.jsonl", "--assets", "photos"])
        #expect(
            shown.status == 0 && shown.outputText.contains("--query question \(words) --assets photos"),
            "\(shown.outputText)")
        let taken = try convert(["rows", "rows.jsonl", "--assets", "photos", "--yes"])
        #expect(taken.status == 0, "\(taken.errorText)")
        #expect(try holdsImages("rows"))
    }

    @Test func namesOfFilesDoNotBecomeTexts() throws {
        for arguments in [
            ["rows", "own.jsonl", "--query", "caption", "--positive", "image"],
            ["rows", "own.jsonl", "--query", "image", "--positive", "caption"],
            ["corpus", "own.jsonl", "--text", "image"],
        ] {
            let refused = try convert(arguments + ["--assets", "photos", "--dataset", "x"])
            #expect(refused.status == 64 && refused.errorText.contains("--image image"), "\(refused.errorText)")
            // Without a folder a name is a text like others.
            #expect(try convert(arguments + ["--dataset", "plain"]).status == 0)
        }
        #expect(throws: (any Error).self) { try place.store.dataset("x") }
    }

    @Test func fieldsOfObjectsAreFilesOrRefused() throws {
        try place.write(
            (1...3).map { #"{"q":"q \#($0)","docs":[{"title":"t","picture":"\#($0).png"}]}"# }, to: "inner.jsonl")
        let words = ["rows", "inner.jsonl", "--query", "q", "--positive", "docs.picture", "--assets", "photos"]
        let refused = try convert(words + ["--dataset", "x"])
        #expect(refused.status == 64 && refused.errorText.contains("--image docs.picture"), "\(refused.errorText)")
        let taken = try convert(words + ["--image", "docs.picture", "--dataset", "inner"])
        #expect(taken.status == 0, "\(taken.errorText)")
        #expect(try holdsImages("inner"))
    }

    @Test func structuresWithoutAMeaningNameTheOption() throws {
        try place.write([#"{"q":"q","img":{"path":"1.png","bytes":null}}"#], to: "hf.jsonl")
        let words = ["rows", "hf.jsonl", "--query", "q", "--positive", "img", "--dataset", "x"]
        let refused = try convert(words)
        #expect(refused.status == 64 && refused.errorText.contains("--image img"), "\(refused.errorText)")
        #expect(!refused.errorText.contains("--positive img."), "\(refused.errorText)")
        let taken = try convert(words + ["--image", "img", "--assets", "photos"])
        #expect(taken.status == 0, "\(taken.errorText)")
        try place.write([#"{"q":"q","img":{"path":"1.png","bytes":"iVBORw0"}}"#], to: "hf.jsonl")
        let bytes = try convert(words + ["--image", "img", "--assets", "photos"])
        #expect(bytes.status == 65 && bytes.errorText.contains("JSON has none"), "\(bytes.errorText)")
    }

    @Test func documentsAloneAreGuessedToo() throws {
        try place.folder.write(
            "id,text,photo\n" + (1...3).map { "d\($0),picture \($0),\($0).png\n" }.joined(), to: "shop.csv")
        let shown = try convert([
            "corpus", "shop.csv", "--assets", "photos", "--max-bad-records", "1", "--rejects", "r",
        ])
        let words = "--id id --text text --image photo --assets photos --max-bad-records 1 --rejects r --dataset shop"
        #expect(shown.status == 0 && shown.outputText.contains(words), "\(shown.outputText)")
        let taken = try convert(["corpus", "shop.csv", "--assets", "photos", "--yes"])
        #expect(taken.status == 0, "\(taken.errorText)")
        #expect(try place.store.dataset("shop").mediaCount == 3)
    }

    @Test func aFolderThatNothingIsTakenOfIsNamed() throws {
        try place.write([#"{"q":"one","p":"two"}"#], to: "texts.jsonl")
        let words = ["rows", "texts.jsonl", "--query", "q", "--positive", "p", "--dataset", "x"]
        let taken = try convert(words + ["--assets", "photos"])
        #expect(taken.status == 0 && taken.errorText.contains("--assets takes nothing: photos"), "\(taken.errorText)")
        #expect(try !convert(words).errorText.contains("--assets"))
        #expect(
            try !convert(["rows", "own.jsonl", "--assets", "photos", "--yes"]).errorText.contains("takes nothing"))
    }
}
