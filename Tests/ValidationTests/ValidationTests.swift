import Base
import Store
import Ingest
import JSON
import RawSources
import Records
import SystemPackage
import TestKit
import Testing
import Validation

/// A check tells all that is wrong with a source, and writes nothing.
@Suite struct ValidationTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func check(
        corpus: [FilePath], queries: [FilePath] = [], judgements: [FilePath] = [], keptCount: Int = 20,
        options: IngestOptions = IngestOptions()
    ) throws -> ValidationReport {
        let validation = Validation(keptCount: keptCount)
        _ = try Conversions.records(
            queries: queries, corpus: corpus, judgements: judgements, into: validation, reference: "check",
            options: options)
        return validation.report
    }

    @Test func everyKindOfProblemIsFoundInOnePass() throws {
        var corpus =
            #"{"docid":"d1","text":"A text in English about the weather of the islands, and the ships."}"# + "\n"
        corpus += #"{"docid":"d1","text":"Another text."}"# + "\n"
        corpus += #"{"docid":"d2","text":"  "}"# + "\n"
        corpus += #"{"docid":"d3","text":"CafÃ© and â€™ and \#u{FFFD}"}"# + "\n"
        corpus += #"{"docid":"d4"}"# + "\n" + "{not json}\n"
        corpus += #"{"docid":"d5","text":"x","image":"missing.png"}"# + "\n"
        try folder.write(corpus, to: "corpus.jsonl")
        try folder.write(#"{"docid":"e1","text":"x","year":1999}"# + "\n", to: "more.jsonl")
        try folder.write(#"{"docid":"f1","text":"y","year":"1999"}"# + "\n", to: "others.jsonl")
        let queries = #"""
            {"query_id":"q1","query_text":"q","positive_document_ids":["d1","nowhere"]}
            {"query_id":"q2","query_text":"q","positive_document_ids":["d2"]}
            {"query_id":"q2","query_text":"q again"}

            """#
        try folder.write(queries, to: "queries.jsonl")
        try folder.write("q2 0 d1 1\nq2 0 lost 1\n", to: "test.qrels")
        try folder.write("", to: "files/other.png")
        var options = IngestOptions()
        options.media = MediaIntake(try AssetFolder(folder("files")))
        let report = try check(
            corpus: [folder("corpus.jsonl"), folder("gone.jsonl"), folder("more.jsonl"), folder("others.jsonl")],
            queries: [folder("queries.jsonl")], judgements: [folder("test.qrels")], options: options)
        #expect(report.counts[.duplicateID] == 2)
        // They may mean a record that cannot be read.
        #expect(report.counts[.danglingReference] == nil)
        #expect(report.counts[.badRecord] == 2)
        #expect(report.counts[.badMedia] == 1)
        #expect(report.counts[.unreadable] == 1)
        #expect(report.counts[.emptyText] == 1)
        #expect(report.counts[.doubtfulText] == 1)
        // "year" is in two of three files, and of two types.
        #expect(report.counts[.schema] == 2)
        #expect(report.errorCount == 6 && report.warningCount == 4)
        let texts = report.problems.map(\.message)
        #expect(texts.contains { $0.contains("corpus.jsonl:6") && $0.contains("not valid JSON") })
        #expect(texts.contains { $0.contains("gone.jsonl") })
        #expect(texts.contains { $0.contains("\"d3\"") && $0.contains("UTF-8 encoded twice") && $0.contains("U+FFFD") })
        #expect(texts.contains { $0.contains("\"year\" is a number 1 times") && $0.contains("a string 1 times") })
        let json = JSONValue.object(report.json)
        #expect(json["documents"]?["count"]?.integer == 5 && json["queries"]?["count"]?.integer == 1)
        #expect(json["judgements"]?.integer == 1)
        #expect(json["references_to_broken_records"]?.integer == 2)
        #expect(!report.summary.isEmpty)
    }

    @Test func problemsAreCountedBeyondThoseThatAreKept() throws {
        try folder.write(String(repeating: "[]\n", count: 50), to: "corpus.jsonl")
        let report = try check(corpus: [folder("corpus.jsonl")], keptCount: 3)
        #expect(report.counts[.badRecord] == 50 && report.problems.count == 3)
        #expect(report.summary.contains("… and 47 more"))
    }

    @Test func aGoodSourceHasNoProblemsAndNothingIsWritten() throws {
        try folder.write(#"{"docid":"d1","text":"x"}"# + "\n", to: "corpus.jsonl")
        let tool = try run(
            "tvt-convert", ["check", "v2", "--corpus", folder("corpus.jsonl").string], workingFolder: folder.path)
        #expect(tool.status == 0)
        #expect(String(decoding: tool.output, as: UTF8.self).contains("0 errors, 0 warnings"))
        #expect(try Files.list(folder.path) == ["corpus.jsonl"])
    }

    @Test func theToolEndsWith65WhereThereAreErrors() throws {
        try folder.write(#"{"docid":"d1"}"# + "\n", to: "corpus.jsonl")
        let tool = try run(
            "tvt-convert", ["check", "v2", "--corpus", folder("corpus.jsonl").string, "--json"],
            workingFolder: folder.path)
        #expect(tool.status == 65)
        let report = try JSONValue.parse(tool.output, path: "report")
        #expect(report["counts"]?["bad record"]?.integer == 1)
    }

    @Test(arguments: [
        ("Der Hund lief über die Straße und kam nicht wieder nach Hause zurück.", "de"),
        ("Le chien courait dans la rue et ne revint jamais à la maison hier soir.", "fr"),
        ("The dog ran across the street and never came back home again last night.", "en"),
        ("犬は通りを走って横切り、二度と家に帰ってこなかった。", "ja"),
    ]) func languagesAreTold(text: String, code: String) throws {
        try folder.write(#"{"docid":"d1","text":"\#(text)"}"# + "\n", to: "corpus.jsonl")
        let report = JSONValue.object(try check(corpus: [folder("corpus.jsonl")]).json)
        #expect(report["documents"]?["languages"]?["languages"]?[code]?.integer == 1)
    }

    /// By the full tables of CLD2: the small ones call the first Russian query Ukrainian, and romanised Hindi Galician.
    @Test func shortTextsGetTheLanguagesOfTheFullTables() throws {
        let lines = try Files.readText(Golden(file: #filePath)("languages.jsonl")).split(separator: "\n")
        var wanted: [String: Int] = [:]
        var corpus: [UInt8] = []
        for (number, line) in lines.enumerated() {
            let value = try JSONValue.parse(Array(line.utf8), path: "languages.jsonl")
            let code = try #require(value["code"]?.string)
            wanted[code.isEmpty ? "unsure" : code, default: 0] += 1
            corpus += Array(#"{"docid":"\#(number)","text":"#.utf8)
            JSONText.appendString(try #require(value["text"]?.string), to: &corpus)
            corpus += Array("}\n".utf8)
        }
        #expect(wanted.count > 30)
        try folder.write(corpus, to: "corpus.jsonl")
        let report = JSONValue.object(try check(corpus: [folder("corpus.jsonl")]).json)
        let found = try #require(report["documents"]?["languages"]?["languages"]?.object)
        #expect(Dictionary(uniqueKeysWithValues: found.map { ($0.0, $0.1.integer ?? 0) }) == wanted)
        // The tool is linked with them as well.
        let tool = try run(
            "tvt-convert", ["check", "v2", "--corpus", folder("corpus.jsonl").string, "--json"],
            workingFolder: folder.path)
        let told = try JSONValue.parse(tool.output, path: "report")["documents"]?["languages"]?["languages"]
        #expect(told?.object == found)
    }

    @Test(arguments: [
        "plain text\twith\nbreaks", "Ünïcödé, 日本語, 🙂", "São Paulo, À la carte, Ãrvore", "naïve café",
    ]) func soundTextsAreNotDoubted(text: String) throws {
        var json: [UInt8] = Array(#"{"docid":"d1","text":"#.utf8)
        JSONText.appendString(text, to: &json)
        try folder.write(json + Array("}\n".utf8), to: "corpus.jsonl")
        #expect(try check(corpus: [folder("corpus.jsonl")]).warningCount == 0)
    }

    @Test(arguments: ["Ã©t", "it isâ€™s", "a\u{FFFD}", "\u{1}", "\u{FEFF}x", "x\u{85}y", "Ã¤"])
    func damagedTextsAre(text: String) throws {
        var json: [UInt8] = Array(#"{"docid":"d1","text":"#.utf8)
        JSONText.appendString(text, to: &json)
        try folder.write(json + Array("}\n".utf8), to: "corpus.jsonl")
        #expect(try check(corpus: [folder("corpus.jsonl")]).counts[.doubtfulText] == 1)
    }

    @Test func aSampleOfLanguagesDoesNotDependOnTheOrder() throws {
        func line(_ number: Int) -> String {
            let text =
                number % 4 == 0
                ? "Der Hund lief über die Straße und kam nicht wieder zurück."
                : "The dog ran across the street and never came back again."
            return #"{"docid":"d\#(number)","text":"\#(text)"}"# + "\n"
        }
        try folder.write((0..<20_000).map(line).joined(), to: "up.jsonl")
        try folder.write((0..<20_000).reversed().map(line).joined(), to: "down.jsonl")
        let (up, down) = (try check(corpus: [folder("up.jsonl")]), try check(corpus: [folder("down.jsonl")]))
        let languages = JSONValue.object(up.json)["documents"]?["languages"]
        #expect(languages == JSONValue.object(down.json)["documents"]?["languages"])
        let german = languages?["languages"]?["de"]?.integer ?? 0
        #expect(languages?["texts"]?.integer == 4096 && (900...1150).contains(german))
    }
}
