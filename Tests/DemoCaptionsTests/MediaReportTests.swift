import Base
import SystemPackage
import TestKit
import Testing

/// The page of a demo, over runs and measures as its tools write them.
struct MediaReportTests {
    let packages: SmallPackages
    var demo: FilePath { packages.temporary("demo") }

    /// A demo whose untrained model finds nothing right, and whose trained one everything.
    init() throws {
        packages = try SmallPackages()
        let tables = ["images", "--packages", packages.root.string, "--output", demo.appending("tables").string]
        try #require(run("demo-captions", tables + ["--test", "3", "--dev", "2"]).status == 0)
        for (dataset, folder) in [("test", "test"), ("test-reversed", "test/reversed")] {
            let judgements = try Files.readText(demo.appending("tables/\(folder)/qrels/first.tsv"))
            let pairs = judgements.split(separator: "\n").dropFirst().map { $0.split(separator: "\t") }
            let right = pairs.map { "\($0[0])\t\($0[1])\t0.5\n" }.joined()
            let wrong = Set(pairs.map { $0[0] }).sorted().map { query in
                let other = pairs.first { pair in !pairs.contains { $0[0] == query && $0[1] == pair[1] } }
                return "\(query)\t\(other?[1] ?? "")\t0.5\n"
            }.joined()
            try write(wrong, "before/\(dataset)/first.run")
            try write(right, "after/\(dataset)/first.run")
        }
        for (name, value) in [("before", 0), ("after", 1)] {
            for ending in ["", "-new", "-reversed"] { try writeMeasures(name + ending, value) }
        }
        try writeMeasures("captions", 0)
        try write("{\"step\":1,\"loss\":2.5}\n{\"step\":2,\"loss\":1.5}\n", "model/metrics.jsonl")
    }

    func write(_ text: String, _ name: String) throws { try packages.temporary.write(text, to: "demo/\(name)") }

    func writeMeasures(_ name: String, _ value: Int) throws {
        let measures = "{\"success@1\": \(value), \"success@10\": \(value), \"mrr@10\": \(value)}"
        try write("{\"runs\": [{\"measures\": \(measures), \"queries\": 3}]}", "measures/\(name).json")
    }

    func report(_ arguments: [String] = []) throws -> ToolResult {
        try run("demo-captions", ["report", "--folder", demo.string, "--what", "images & words"] + arguments)
    }

    @Test func measuresStandBesideChance() throws {
        let text = try report().outputText
        // One of three candidates is right, and all are among the first ten.
        let lines = text.split(separator: "\n").map { $0.split(separator: " ").map { String($0) } }
        let chance = try #require(lines.first { $0.starts(with: ["words", "→", "item,", "by", "chance"]) })
        #expect(chance.dropFirst(5).first == "0.3333" && chance.dropFirst(6).first == "1.0000", "\(text)")
        #expect(text.contains("item → words, trained"), "\(text)")
    }

    @Test func thePageShowsImagesWithWords() throws {
        let page = packages.temporary("report.html")
        let result = try report(["--output", page.string])
        try #require(result.status == 0, "\(result.errorText)")
        let text = try Files.readText(page)
        #expect(text.contains("images &amp; words") && text.contains("<polyline"))
        #expect(text.contains("data:image/png;base64,"))
        // Right answers are found after training alone: one for each pair, in both directions.
        #expect(text.components(separatedBy: "class=\"hit\"").count - 1 == 6, "\(text.count)")
        #expect(text.contains("OFL-1.1"))
    }

    @Test func aMeasureThatIsMissingIsNamed() throws {
        try write("{\"runs\": [{\"measures\": {}, \"queries\": 3}]}", "measures/after.json")
        let result = try report()
        #expect(result.status == 65 && result.errorText.contains("success@1"), "\(result.errorText)")
    }
}

extension String {
    fileprivate func components(separatedBy separator: String) -> [String] {
        split(separator: separator, omittingEmptySubsequences: false).map { String($0) }
    }
}
