internal import Analysis
internal import Store
internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import JSON
internal import SystemPackage

struct StatsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats", abstract: "Show sizes, lengths, duplicates and links of a dataset.",
        discussion: """
            Reads every record once. Words are what stands between white space, characters are Unicode scalars, both of \
            title and text together; duplicates are records with equal contents, whatever their ids; the gain of the \
            dictionary is measured on a sample. --html writes one page without scripts, for the browser.
            """)

    @OptionGroup var options: StoreOptions
    @Argument(help: "The dataset.") var name: String
    @Option(help: ArgumentHelp("Also write the statistics as one HTML page.", valueName: "file.html"))
    var html: String?

    func run() throws {
        let store = try options.open()
        let dataset = try store.dataset(name)
        let progress = Progress("stats", unit: "records", total: dataset.documentCount + dataset.queryCount)
        let statistics = try DatasetStatistics(of: dataset, in: store, progress: progress)
        progress.finish()
        if let html { try Files.replace(FilePath(html), with: StatisticsPage(statistics).text) }
        try Printed.json(statistics.json, if: options.common.json) {
            let width = TextBars.terminalWidth()
            return Self.text("Documents", statistics.documents, width) + Self.text("Queries", statistics.queries, width)
                + (statistics.media.map { "Media: \($0.summary)\n\n" } ?? "") + Self.links(statistics, width)
        }
    }

    private static func text(_ label: String, _ side: DatasetStatistics.Records, _ width: Int) -> String {
        guard side.count > 0 else { return "\(label): none\n\n" }
        let ratio = Double(side.rawBytes) / Double(max(1, side.storedBytes))
        var text = "\(label): \(grouped(side.count)), \(byteSize(side.rawBytes)) raw, "
        text += "\(byteSize(side.storedBytes)) stored (\(decimal(ratio, digits: 1)) : 1), "
        text += "id index \(byteSize(side.indexBytes))\n"
        if let gain = side.dictionaryGain {
            text += "dictionary of \(byteSize(side.dictionaryBytes)), "
            text += "saves \(decimal(100 * gain.savedShare, digits: 1)) % of a sample\n"
        }
        var modalities = side.combinations.map { "\($0.name) \(grouped($0.count))" }
        if let title = side.modalities.first, title.count > 0 {
            modalities.append("titles \(grouped(title.count))")
        }
        text += modalities.joined(separator: ", ") + "\n"
        text += "duplicates: \(grouped(side.duplicateCount))"
        if side.duplicateCount > 0 {
            text += " of \(grouped(side.duplicatedContentCount)) contents, "
            text += "the most frequent \(grouped(side.largestDuplicateCount)) times"
        }
        text += "\n"
        for (name, histogram) in [
            ("bytes a record", side.bytes), ("words a text", side.words), ("characters a text", side.characters),
        ] where histogram.count > 0 {
            text += "\n" + histogram.text(name, width: width)
        }
        return text + "\n"
    }

    private static func links(_ statistics: DatasetStatistics, _ width: Int) -> String {
        var text = ""
        if !statistics.links.isEmpty {
            var rows = [["LINKS", "COUNT", "STORED", "QUERIES WITH", "MEAN", "MOST"]]
            for table in statistics.links {
                rows.append([
                    table.name, grouped(table.linkCount), byteSize(table.storedBytes),
                    grouped(table.linkedQueryCount), decimal(table.meanOfLinked, digits: 1),
                    grouped(table.perQuery.largest),
                ])
            }
            text += Printed.table(rows, right: [1, 2, 3, 4, 5])
            for table in statistics.links {
                text += "\n" + table.perQuery.text("\(table.name) of each query", width: width)
                if let grades = table.grades, !grades.isEmpty {
                    text += "grades: " + grades.map { "\($0.grade) \(grouped($0.count))" }.joined(separator: ", ")
                    text += "\n"
                }
            }
            text += "\n"
        }
        text += "queries without positives: \(grouped(statistics.queriesWithoutPositives))\n"
        text += "documents that nothing points at: \(grouped(statistics.unlinkedDocuments))\n"
        if let aliases = statistics.aliasCount { text += "documents in the alias map: \(grouped(aliases))\n" }
        return text
    }
}

extension CountHistogram {
    /// Minimum, mean and maximum, and a bar for each bin.
    fileprivate func text(_ name: String, width: Int) -> String {
        "\(name): minimum \(grouped(smallest)), mean \(decimal(mean, digits: 1)), maximum \(grouped(largest))\n"
            + TextBars.text(filledBins.map { (Self.label(of: $0), bins[$0]) }, width: width)
    }
}
