internal import Base
internal import Reports
internal import StoreFormat

/// A dataset's statistics as one HTML file: no scripts, no outside resources, readable in light and dark.
public struct StatisticsPage {
    private let statistics: DatasetStatistics

    public init(_ statistics: DatasetStatistics) { self.statistics = statistics }

    public var text: String {
        let title = html(statistics.reference)
        return """
            <!doctype html>
            <html lang="en">
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width">
            <meta name="color-scheme" content="light dark">
            <title>\(title)</title>
            <style>
            :root { color-scheme: light dark; --ink: #1d2430; --soft: #5c6675; --line: #dde2ea; --page: #fff; --bar: #1f6feb }
            @media (prefers-color-scheme: dark) {
            :root { --ink: #e6e9ef; --soft: #9aa5b5; --line: #333b48; --page: #14181f; --bar: #58a6ff } }
            body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 54rem; margin: 2rem auto; padding: 0 1rem }
            h1 { font-size: 1.6rem; line-height: 1.2; margin-bottom: 0 } h2 { font-size: 1.2rem; margin-top: 2.4rem } h3 { font-size: 1rem; margin: 1.4rem 0 .3rem }
            code, small { color: var(--soft); overflow-wrap: anywhere }
            table { border-collapse: collapse; width: 100% } td, th { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: right } td:first-child, th:first-child { text-align: left }
            th { color: var(--soft); font-weight: 600 }
            svg { width: 100%; height: auto } svg text { font: 12px system-ui, sans-serif; fill: var(--ink) } svg .soft { fill: var(--soft) } svg rect { fill: var(--bar) }
            </style>
            <h1>\(title)</h1>
            <p><code>\(html(statistics.digest))</code></p>
            \(storage)
            \(records("Documents", statistics.documents))
            \(records("Queries", statistics.queries))
            \(media)
            \(links)
            </html>

            """
    }

    private var storage: String {
        var rows = [["part", "raw", "stored"]]
        for (label, side) in [("documents", statistics.documents), ("queries", statistics.queries)] {
            rows.append([label, size(side.rawBytes), size(side.storedBytes)])
            rows.append(["id index of \(label)", "", size(side.indexBytes)])
            if side.dictionaryBytes > 0 { rows.append(["dictionary of \(label)", "", size(side.dictionaryBytes)]) }
        }
        if let media = statistics.media {
            rows.append(["media", size(media.rawBytes), size(media.storedBytes)])
            rows.append(["index of the media", "", size(media.index.size)])
        }
        for table in statistics.links { rows.append([table.name, "", size(table.storedBytes)]) }
        return "<h2>Size</h2>" + Self.table(rows)
    }

    private func records(_ label: String, _ side: DatasetStatistics.Records) -> String {
        var rows = [["what", "count"], ["records", grouped(side.count)]]
        for (name, count) in side.combinations { rows.append(["with \(name)", grouped(count)]) }
        if let title = side.modalities.first, title.count > 0 { rows.append(["with title", grouped(title.count)]) }
        rows.append(["duplicates of an earlier record", grouped(side.duplicateCount)])
        if side.duplicateCount > 0 {
            rows.append(["contents that come more than once", grouped(side.duplicatedContentCount)])
            rows.append(["most frequent contents", "\(grouped(side.largestDuplicateCount)) times"])
        }
        if let gain = side.dictionaryGain {
            let share = Int((gain.savedShare * 100).rounded())
            rows.append(["saved by the dictionary, on a sample of \(size(gain.sampleBytes))", "\(share) %"])
        }
        var text = "<h2>\(label)</h2>" + Self.table(rows)
        for (name, histogram) in [
            ("Bytes a record", side.bytes), ("Words a text", side.words), ("Characters a text", side.characters),
        ] where histogram.count > 0 {
            text += Self.chart(name, histogram)
        }
        return text
    }

    private var media: String {
        guard let media = statistics.media else { return "" }
        return "<h2>Media</h2>"
            + Self.table([
                ["what", "count"], ["items", grouped(media.itemCount)], ["images", grouped(media.imageCount)],
                ["videos", grouped(media.videoCount)], ["sounds", grouped(media.audioCount)],
                ["references to items elsewhere", grouped(media.externalCount)],
            ])
    }

    private var links: String {
        var rows = [["what", "count"]]
        rows.append(["queries without positives", grouped(statistics.queriesWithoutPositives)])
        rows.append(["documents that nothing points at", grouped(statistics.unlinkedDocuments)])
        if let aliases = statistics.aliasCount { rows.append(["documents in the alias map", grouped(aliases)]) }
        var text = "<h2>Links</h2>" + Self.table(rows)
        for table in statistics.links {
            text += Self.chart("\(table.name): \(grouped(table.linkCount)), links of each query", table.perQuery)
            if let grades = table.grades, !grades.isEmpty {
                text += Self.table(
                    [["grade", "judgements"]] + grades.map { ["\($0.grade)", grouped($0.count)] })
            }
        }
        return text
    }

    private static func table(_ rows: [[String]]) -> String {
        let lines = rows.enumerated().map { number, row in
            let tag = number == 0 ? "th" : "td"
            return "<tr>" + row.map { "<\(tag)>\(html($0))</\(tag)>" }.joined() + "</tr>"
        }
        return "<table>\(lines.joined(separator: "\n"))</table>"
    }

    /// Horizontal bars, a bin each, with label and count written out.
    private static func chart(_ name: String, _ histogram: CountHistogram) -> String {
        let bins = histogram.filledBins
        let most = max(1, histogram.bins.max() ?? 1)
        let rowHeight = 22
        var svg = "<h3>\(html(name))</h3><p><small>least \(grouped(histogram.smallest)), "
        svg += "mean \(oneDecimal(histogram.mean)), most \(grouped(histogram.largest))</small></p>"
        svg += "<svg viewBox=\"0 0 640 \(rowHeight * bins.count)\" role=\"img\" aria-label=\"\(html(name))\">"
        for (row, bin) in bins.enumerated() {
            let top = row * rowHeight
            let count = histogram.bins[bin]
            let length = count == 0 ? 0 : max(1, 380 * count / most)
            svg += "<text class=\"soft\" x=\"140\" y=\"\(top + 15)\" text-anchor=\"end\">"
            svg += "\(CountHistogram.label(of: bin))</text>"
            svg += "<rect x=\"150\" y=\"\(top + 3)\" width=\"\(length)\" height=\"16\" rx=\"2\"/>"
            svg += "<text x=\"\(156 + length)\" y=\"\(top + 15)\">\(grouped(count))</text>"
        }
        return svg + "</svg>"
    }

    private func size(_ bytes: Int) -> String { byteSize(bytes) }
}

private func oneDecimal(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
}
