import Base
import JSON
import Media
import SystemPackage
import TestKit
import Testing

/// Tables of captioned images, out of packages with a few items each.
struct DemoCaptionsTests {
    let packages: SmallPackages

    init() throws { packages = try SmallPackages() }

    func make(_ name: String, _ arguments: [String] = ["--test", "3", "--dev", "2"]) throws -> ToolResult {
        let folders = ["--packages", packages.root.string, "--output", packages.temporary(name).string]
        return try run("demo-captions", ["images", "--json"] + folders + arguments)
    }

    func records(_ name: String) throws -> [JSONValue] {
        try Files.readAll(packages.temporary(name)).split(separator: 10).map {
            try JSONValue.parse(Array($0), path: name)
        }
    }

    func documents(_ folder: String) throws -> [String: JSONValue] {
        let all = try ["train", "dev", "test"].flatMap { try records("\(folder)/\($0)/corpus.jsonl") }
        return Dictionary(uniqueKeysWithValues: all.map { ($0["docid"]?.string ?? "", $0) })
    }

    @Test func whatIsTakenAndWhatIsLeftOutIsCounted() throws {
        let result = try make("out")
        try #require(result.status == 0, "\(result.errorText)")
        let counts = try JSONValue.parse(result.output, path: "counts")
        #expect(counts == (try JSONValue.parse(file: packages.temporary("out/counts.json"))))
        let sources = try #require(counts["sources"])
        #expect(sources["stamps"]?["items"] == 8 && sources["stamps"]?["captions"] == ["de": 8, "en": 8, "fr": 8])
        #expect(sources["stamps"]?["omitted"] == ["no English caption": 1, "no PNG": 1])
        #expect(sources["clipart"]?["items"] == 2)
        #expect(sources["clipart"]?["omitted"]?["folder of icons, signs, shapes or cards"] == 1)
        #expect(sources["clipart"]?["omitted"]?["name without English words"] == 1)
        #expect(sources["clipart"]?["omitted"]?["the same file as an earlier one"] == 1)
        #expect(sources["units"]?["items"] == 1 && sources["emoji"]?["items"] == 1)
        #expect(sources["emoji"]?["omitted"] == ["a sequence of characters": 1, "no image in the font": 1])
    }

    @Test func captionsAreThoseOfTheSources() throws {
        try #require(make("out").status == 0)
        let captions = try documents("out").mapValues { ($0["captions"]?.array ?? []).compactMap(\.string) }
        #expect(captions["stamps/animals/dog_brown"] == ["A dog.", "Ein dog_brown.", "Un dog_brown."])
        #expect(captions["clipart/animals/horse_benji_park_01"] == ["horse"])
        #expect(captions["clipart/animals/red_horse_02"] == ["red horse"])
        #expect(captions["units/grunt/sprite"] == ["Grunt", "Grunts are strong and fierce."])
        #expect(captions["emoji/2600"] == ["sun", "warm, bright", "Sonne", "soleil"])
    }

    @Test func imagesStandOnSquares() throws {
        try #require(make("out").status == 0)
        for (name, side) in [("stamps/animals/dog", 40), ("clipart/animals/red_horse_02", 224), ("emoji/2600", 34)] {
            let bytes = try Files.readAll(packages.temporary("out/media/\(name).png"))
            let image = try bytes.withUnsafeBytes { try Bitmap(decoding: $0) }
            #expect(image.width == side && image.height == side, "\(name)")
            #expect(Array(image.pixels.prefix(3)) == [255, 255, 255], "\(name)")
        }
    }

    @Test func variantsAreOnOneSide() throws {
        for seed in 0..<6 {
            try #require(make("out\(seed)", ["--test", "3", "--dev", "2", "--seed", "\(seed)"]).status == 0)
            var sides: [String: String] = [:]
            for (side, count) in [("train", 7), ("dev", 2), ("test", 3)] {
                let documents = try records("out\(seed)/\(side)/corpus.jsonl")
                #expect(documents.count == count)
                for document in documents { sides[document["docid"]?.string ?? ""] = side }
            }
            #expect(sides["stamps/animals/dog"] == sides["stamps/animals/dog_brown"])
            #expect(sides["clipart/animals/horse_benji_park_01"] == sides["clipart/animals/red_horse_02"])
        }
    }

    @Test func tablesAreAFunctionOfTheSeed() throws {
        try #require(make("one").status == 0)
        try #require(make("two").status == 0)
        for name in ["train/corpus", "train/queries", "train/queries-de", "test/queries", "test/reversed/queries"] {
            let (one, two) = (packages.temporary("one/\(name).jsonl"), packages.temporary("two/\(name).jsonl"))
            #expect(try Files.readAll(one) == Files.readAll(two))
        }
    }

    @Test func judgementsNameQueriesAndCandidates() throws {
        try #require(make("out").status == 0)
        let documents = Set(try records("out/test/corpus.jsonl").compactMap { $0["docid"]?.string })
        let queries = Set(try records("out/test/queries.jsonl").compactMap { $0["query_id"]?.string })
        let lines = try Files.readText(packages.temporary("out/test/qrels/first.tsv")).split(separator: "\n")
        #expect(lines.first == "query-id\tcorpus-id\tscore")
        let pairs = lines.dropFirst().map { $0.split(separator: "\t").map { String($0) } }
        #expect(Set(pairs.map { $0[1] }) == documents)
        #expect(pairs.allSatisfy { queries.contains($0[0]) && $0[2] == "1" })
    }

    @Test func moreThanThereIsCannotBeHeldOut() throws {
        let result = try make("out", ["--test", "1000"])
        #expect(result.status == 64 && result.errorText.contains("cannot be held out"), "\(result.errorText)")
    }

    @Test func missingPackagesAndDamagedFontsAreNamed() throws {
        let font = try Files.readAll(packages.font)
        for length in stride(from: 0, to: font.count, by: 7) {
            try Files.replace(packages.font, with: Array(font[..<length]))
            let result = try make("out")
            #expect(result.status == 65 && result.errorText.contains("NotoColorEmoji.ttf"), "\(length) bytes")
            // One process a length: a few are enough behind the tables' heads.
            if length > 200 { break }
        }
        try Files.removeTree(packages.root.appending("wordnet-base"))
        let result = try make("out")
        #expect(result.status == 66 && result.errorText.contains("wordnet-base"), "\(result.errorText)")
    }
}
