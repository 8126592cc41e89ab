internal import Analysis
internal import Store
internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Glibc
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
            let width = Bars.terminalWidth()
            return Self.text("Documents", statistics.documents, width) + Self.text("Queries", statistics.queries, width)
                + (statistics.media.map { "Media: \(Printed.text(of: $0))\n\n" } ?? "") + Self.links(statistics, width)
        }
    }

    private static func text(_ label: String, _ side: DatasetStatistics.Records, _ width: Int) -> String {
        guard side.count > 0 else { return "\(label): none\n\n" }
        let ratio = Double(side.rawBytes) / Double(max(1, side.storedBytes))
        var text = "\(label): \(Printed.count(side.count)), \(Printed.size(side.rawBytes)) raw, "
        text += "\(Printed.size(side.storedBytes)) stored (\(Printed.decimal(ratio)) : 1), "
        text += "id index \(Printed.size(side.indexBytes))\n"
        if let gain = side.dictionaryGain {
            text += "dictionary of \(Printed.size(side.dictionaryBytes)), "
            text += "saves \(Printed.decimal(100 * gain.savedShare)) % of a sample\n"
        }
        var modalities = side.combinations.map { "\($0.name) \(Printed.count($0.count))" }
        if let title = side.modalities.first, title.count > 0 {
            modalities.append("titles \(Printed.count(title.count))")
        }
        text += modalities.joined(separator: ", ") + "\n"
        text += "duplicates: \(Printed.count(side.duplicateCount))"
        if side.duplicateCount > 0 {
            text += " of \(Printed.count(side.duplicatedContentCount)) contents, "
            text += "the most frequent \(Printed.count(side.largestDuplicateCount)) times"
        }
        text += "\n"
        for (name, histogram) in [
            ("bytes a record", side.bytes), ("words a text", side.words), ("characters a text", side.characters),
        ] where histogram.count > 0 {
            text += "\n" + Bars.text(name, histogram, width: width)
        }
        return text + "\n"
    }

    private static func links(_ statistics: DatasetStatistics, _ width: Int) -> String {
        var text = ""
        if !statistics.links.isEmpty {
            var rows = [["LINKS", "COUNT", "STORED", "QUERIES WITH", "MEAN", "MOST"]]
            for table in statistics.links {
                rows.append([
                    table.name, Printed.count(table.linkCount), Printed.size(table.storedBytes),
                    Printed.count(table.linkedQueryCount), Printed.decimal(table.meanOfLinked),
                    Printed.count(table.perQuery.largest),
                ])
            }
            text += Printed.table(rows, right: [1, 2, 3, 4, 5])
            for table in statistics.links {
                text += "\n" + Bars.text("\(table.name) of each query", table.perQuery, width: width)
                if let grades = table.grades, !grades.isEmpty {
                    text += "grades: " + grades.map { "\($0.grade) \(Printed.count($0.count))" }.joined(separator: ", ")
                    text += "\n"
                }
            }
            text += "\n"
        }
        text += "queries without positives: \(Printed.count(statistics.queriesWithoutPositives))\n"
        text += "documents that nothing points at: \(Printed.count(statistics.unlinkedDocuments))\n"
        if let aliases = statistics.aliasCount { text += "documents in the alias map: \(Printed.count(aliases))\n" }
        return text
    }
}

/// A histogram as bars of block characters.
enum Bars {
    /// Columns of the terminal: stdout's own, else `$COLUMNS`, else 80; at least 40.
    static func terminalWidth() -> Int {
        var window = winsize()
        if ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &window) == 0, window.ws_col > 0 {
            return max(40, Int(window.ws_col))
        }
        return max(40, getenv("COLUMNS").flatMap { Int(String(cString: $0)) } ?? 80)
    }

    static func text(_ name: String, _ histogram: CountHistogram, width: Int) -> String {
        var text = "\(name): least \(Printed.count(histogram.smallest)), mean \(Printed.decimal(histogram.mean)), "
        text += "most \(Printed.count(histogram.largest))\n"
        let bins = histogram.filledBins
        let labels = bins.map { CountHistogram.label(of: $0) }
        let counts = bins.map { Printed.count(histogram.bins[$0]) }
        let labelWidth = labels.map(\.count).max() ?? 0
        let countWidth = counts.map(\.count).max() ?? 0
        let room = max(8, min(72, width - labelWidth - countWidth - 6))
        let most = max(1, histogram.bins.max() ?? 1)
        for (position, bin) in bins.enumerated() {
            let label = String(repeating: " ", count: labelWidth - labels[position].count) + labels[position]
            let count = String(repeating: " ", count: countWidth - counts[position].count) + counts[position]
            let bar = bar(histogram.bins[bin], of: most, room: room)
            text += "  \(label)  \(count)\(bar.isEmpty ? "" : "  \(bar)")\n"
        }
        return text
    }

    /// In eighths of a column; what is not zero is seen.
    static func bar(_ value: Int, of most: Int, room: Int) -> String {
        let eighths = value == 0 ? 0 : max(1, Int((Double(value) / Double(most) * Double(8 * room)).rounded()))
        let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
        return String(repeating: "█", count: eighths / 8) + parts[eighths % 8]
    }
}
