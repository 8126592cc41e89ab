import Analysis
import Store
import Base
import Foundation
import JSON
import SystemPackage
import TestKit
import Testing

@Suite struct StatisticsTests {
    static func model(seed: UInt64) -> ModelDataset {
        var model = ModelDataset.random(documents: 500, queries: 70, seed: seed)
        for number in 0..<40 {
            model.documents[number * 3].passage.image = "image-\(number % 7)"
            if number % 2 == 0 { model.documents[number * 3].passage.text = nil }
        }
        model.documents[7].passage = .init(title: "a\u{2003}b\u{3000}c", text: "  two\nwords 🙂\t")
        return model
    }

    /// Against the plainest count, for any number of threads.
    @Test(arguments: [0, 1, 3]) func countsAreTheNaiveOnes(workers: Int) throws {
        let model = Self.model(seed: 3)
        let temporary = try TemporaryStore()
        let dataset = try model.commit(to: temporary.store, as: "sample")
        let statistics = try DatasetStatistics(of: dataset, in: temporary.store, workers: workers)

        var bytes = CountHistogram()
        var words = CountHistogram()
        var characters = CountHistogram()
        var contents: [ContentHash: Int] = [:]
        for (ordinal, (_, passage)) in model.documents.enumerated() {
            bytes.add(try dataset.documentRecord(ordinal).count)
            contents[try dataset.documentContentHash(ordinal), default: 0] += 1
            guard passage.title != nil || passage.text != nil else { continue }
            let parts = [passage.title, passage.text].compactMap { $0 }
            words.add(parts.map { $0.split(whereSeparator: \.isWhitespace).count }.reduce(0, +))
            characters.add(parts.map(\.unicodeScalars.count).reduce(0, +))
        }
        #expect(statistics.documents.bytes == bytes)
        #expect(statistics.documents.words == words)
        #expect(statistics.documents.characters == characters)
        #expect(statistics.documents.duplicateCount == contents.values.reduce(0) { $0 + $1 - 1 })
        #expect(statistics.documents.duplicatedContentCount == contents.values.filter { $0 > 1 }.count)
        #expect(statistics.documents.largestDuplicateCount == contents.values.max())
        #expect(statistics.documents.duplicateCount > 10)
        let passages = model.documents.map(\.passage)
        let modalities = Dictionary(uniqueKeysWithValues: statistics.documents.modalities.map { ($0.name, $0.count) })
        #expect(modalities["title"] == passages.filter { $0.title != nil }.count)
        #expect(modalities["text"] == passages.filter { $0.text != nil }.count)
        #expect(modalities["image"] == 40 && modalities["video"] == 0)
        let combinations = Dictionary(
            uniqueKeysWithValues: statistics.documents.combinations.map { ($0.name, $0.count) })
        #expect(combinations["text+image"] == 20 && combinations["image"] == 20 && combinations["text"] == 460)

        let questions = model.queries.map(\.question)
        let positives = try #require(statistics.links.first { $0.name == "positives" })
        var perQuery = CountHistogram()
        for question in questions { perQuery.add(question.positives.count) }
        #expect(positives.perQuery == perQuery)
        #expect(positives.linkedQueryCount == questions.filter { !$0.positives.isEmpty }.count)
        let test = try #require(statistics.links.first { $0.name == "judgements/test" })
        #expect(test.linkCount == questions.reduce(0) { $0 + ($1.judged["test"]?.count ?? 0) })
        var grades: [Float: Int] = [:]
        for question in questions {
            for grade in (question.judged["test"] ?? [:]).values { grades[grade, default: 0] += 1 }
        }
        #expect(Dictionary(uniqueKeysWithValues: (test.grades ?? []).map { ($0.grade, $0.count) }) == grades)
        #expect(
            statistics.queriesWithoutPositives
                == questions.filter { question in
                    question.positives.isEmpty && !question.judged.values.contains { $0.values.contains { $0 > 0 } }
                }.count)
        let linked = Set(questions.flatMap { $0.positives + $0.negatives + $0.judged.values.flatMap(\.keys) })
        #expect(statistics.unlinkedDocuments == model.documents.count - linked.count)
        #expect(statistics.documents.rawBytes == dataset.manifest.documents.rawBytes)
    }

    @Test func histogramsAreWhatTheyAreOfAnyPart() {
        var random = SplitMix64(seed: 5)
        let values = (0..<3000).map { _ in Int(random.next(below: 1 << random.next(below: 20))) }
        var whole = CountHistogram()
        for value in values { whole.add(value) }
        var sum = CountHistogram()
        for part in stride(from: 0, to: values.count, by: 137) {
            var histogram = CountHistogram()
            for value in values[part..<min(part + 137, values.count)] { histogram.add(value) }
            sum.add(histogram)
        }
        #expect(sum == whole)
        #expect(whole.bins.reduce(0, +) == values.count && whole.total == values.reduce(0, +))
        #expect(
            whole.bins[4] == values.filter { 8..<16 ~= $0 }.count && whole.bins[0] == values.filter { $0 == 0 }.count)
        #expect(CountHistogram.label(of: 4) == "8–15")
    }

    /// Lines that begin alike are what a dictionary is for.
    @Test func theDictionaryGainIsMeasured() throws {
        var model = ModelDataset()
        var random = SplitMix64(seed: 6)
        for number in 0..<4000 {
            let text =
                "The following passage was written by the editors of volume " + ModelDataset.text(&random, words: 12)
            model.documents.append(("d\(number)", .init(title: "A title that all of them have", text: text)))
        }
        let temporary = try TemporaryStore()
        let dataset = try model.commit(to: temporary.store, as: "sample")
        let statistics = try DatasetStatistics(of: dataset, in: temporary.store)
        let gain = try #require(statistics.documents.dictionaryGain)
        #expect(gain.sampleBytes <= dataset.manifest.documents.rawBytes && gain.sampleBytes > 200_000)
        #expect(gain.savedShare > 0.02 && gain.savedShare < 0.9)
        #expect(statistics.queries.dictionaryGain == nil)
    }

    @Test func theToolDrawsAndWritesAPage() throws {
        let temporary = try TemporaryStore()
        let model = Self.model(seed: 8)
        try model.commit(to: temporary.store, as: "sample<&>".filter { $0.isLetter })
        let page = temporary.folder("page.html")
        func stats(_ width: Int) throws -> ToolResult {
            try run(
                "tvt-store", ["stats", "sample", "--html", page.string, "--store", temporary.store.root.string],
                environment: ["COLUMNS": "\(width)"])
        }
        for width in [40, 80, 200] {
            let result = try stats(width)
            #expect(result.status == 0)
            let bars = result.outputText.split(separator: "\n").filter { $0.contains("█") }
            #expect(bars.count > 5)
            let widest = bars.map(\.count).max() ?? 0
            #expect(widest <= width && widest > min(width, 80) / 2)
        }
        let html = try Files.readText(page)
        #expect(html.hasPrefix("<!doctype html>") && html.contains("prefers-color-scheme: dark"))
        // One file: nothing is fetched, nothing runs.
        for outside in ["http:", "https:", "<script", "<link", "<img", "url(", "@import"] {
            #expect(!html.contains(outside), "\(outside)")
        }
        for tag in ["svg", "table", "tr", "h2", "p"] {
            let opened =
                html.components(separatedBy: "<\(tag)>").count + html.components(separatedBy: "<\(tag) ").count - 2
            #expect(opened == html.components(separatedBy: "</\(tag)>").count - 1, "\(tag)")
        }
        let json = try JSONValue.parse(
            run("tvt-store", ["stats", "sample", "--json", "--store", temporary.store.root.string]).output,
            path: "stats")
        #expect(json["documents"]?["count"]?.integer == 500)
        #expect(json["documents"]?["modalities"]?["image"]?.integer == 40)
        let missing = try run("tvt-store", ["stats", "none", "--store", temporary.store.root.string])
        #expect(missing.status == 66)
    }

    @Test func anEmptyDatasetHasStatistics() throws {
        let temporary = try TemporaryStore()
        let dataset = try ModelDataset().commit(to: temporary.store, as: "empty")
        let statistics = try DatasetStatistics(of: dataset, in: temporary.store)
        #expect(statistics.documents.count == 0 && statistics.links.isEmpty)
        #expect(StatisticsPage(statistics).text.contains("</html>"))
        #expect(try run("tvt-store", ["stats", "empty", "--store", temporary.store.root.string]).status == 0)
    }
}
