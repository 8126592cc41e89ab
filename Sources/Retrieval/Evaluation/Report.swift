internal import Base
internal import Glibc
public import JSON
public import Rankings

/// An evaluation, or a comparison of two, for people and programs.
public struct Report: Sendable {
    public enum Format: String, Sendable, CaseIterable {
        case table, markdown, json
        /// `measure⇥query⇥value`, as trec_eval prints it, with trec_eval's names.
        case trec
    }

    /// One run's evaluation.
    public struct Entry: Sendable {
        public let name: String
        public let evaluation: Evaluation
        /// What the run names and the judgements, or their dataset, do not have.
        public let unknown: UnknownIDs

        public init(name: String, evaluation: Evaluation, unknown: UnknownIDs = UnknownIDs()) {
            self.name = name
            self.evaluation = evaluation
            self.unknown = unknown
        }
    }

    public let qrels: String
    /// One, or two that are compared.
    public let entries: [Entry]
    public let comparisons: [Comparison]
    public let includesQueries: Bool

    public init(qrels: String, entries: [Entry], comparisons: [Comparison] = [], includesQueries: Bool = false) {
        self.qrels = qrels
        self.entries = entries
        self.comparisons = comparisons
        self.includesQueries = includesQueries
    }

    private var first: Evaluation { entries[0].evaluation }
    private var measures: [Measure] { first.measures }

    public func text(_ format: Format) -> String {
        switch format {
        case .table: blocks { Table.plain($0) }
        case .markdown: blocks { Table.markdown($0) }
        case .json: json.pretty()
        case .trec: trecText
        }
    }

    // MARK: Tables

    private func blocks(_ render: ([[String]]) -> String) -> String {
        var text = ""
        if includesQueries { text += render(queryRows) + "\n" }
        return text + render(summaryRows)
    }

    private var summaryRows: [[String]] {
        var rows = [["measure"] + entries.map(\.name)]
        if !comparisons.isEmpty { rows[0] += ["difference", "p", "better", "worse", "equal"] }
        for (index, measure) in measures.enumerated() {
            var row = [measure.name] + entries.map { Report.number($0.evaluation.overall(index), of: measure) }
            if let comparison = comparisons.first(where: { $0.measure == measure }) {
                row += [
                    signed(comparison.meanDifference),
                    decimal(comparison.pValue, digits: 4), String(comparison.wins), String(comparison.losses),
                    String(comparison.ties),
                ]
            }
            rows.append(row)
        }
        rows.append(["queries"] + entries.map { String($0.evaluation.queryCount) })
        rows.append(["queries without results"] + entries.map { String($0.evaluation.queriesWithoutResults) })
        rows.append(["unjudged queries ignored"] + entries.map { String($0.evaluation.unjudgedQueries) })
        return rows
    }

    private var queryRows: [[String]] {
        var header = ["query"]
        for entry in entries {
            header += measures.map { entries.count == 1 ? $0.name : "\($0.name) \(entry.name)" }
        }
        var rows = [header]
        for query in 0..<first.queryCount {
            var row = [Report.printable(first.queries[query])]
            for entry in entries {
                row += measures.indices.map { Report.number(entry.evaluation.values[$0][query], of: measures[$0]) }
            }
            rows.append(row)
        }
        return rows
    }

    /// Counts are whole numbers, everything else has four decimals, as trec_eval prints them.
    private static func number(_ value: Double, of measure: Measure) -> String {
        measure.isCount ? String(Int(value)) : decimal(value, digits: 4)
    }

    /// An id as text: as it is where it is UTF-8 without control characters, else escaped.
    private static func printable(_ id: [UInt8]) -> String {
        if !id.contains(where: { $0 < 0x20 || $0 == 0x7F }), let text = String(validating: id, as: UTF8.self) {
            return text
        }
        return escaped(id)
    }

    // MARK: trec_eval

    private var trecText: String {
        var text = ""
        let evaluation = first
        func line(_ name: String, _ query: String, _ value: String) {
            text += name + String(repeating: " ", count: max(0, 22 - name.utf8.count)) + "\t\(query)\t\(value)\n"
        }
        if includesQueries {
            for query in 0..<evaluation.queryCount {
                var id: [UInt8] = []
                evaluation.queries.withBytes(at: query) { IDEscaping.escape($0, into: &id) }
                let name = Report.printable(id)
                for (index, measure) in measures.enumerated() {
                    line(measure.trecName, name, Report.number(evaluation.values[index][query], of: measure))
                }
            }
        }
        line("runid", "all", entries[0].name)
        line("num_q", "all", String(evaluation.queryCount))
        for (index, measure) in measures.enumerated() {
            line(measure.trecName, "all", Report.number(evaluation.overall(index), of: measure))
        }
        return text
    }

    // MARK: JSON

    public var json: JSONValue {
        var object: JSONObject = ["qrels": .string(qrels)]
        object["runs"] = .array(entries.map { .object(json(of: $0)) })
        if !comparisons.isEmpty {
            object["comparison"] = .array(
                comparisons.map { comparison in
                    [
                        "measure": .string(comparison.measure.name),
                        "mean_difference": .number(comparison.meanDifference),
                        "p_value": .number(comparison.pValue),
                        "wins": .integer(Int64(comparison.wins)),
                        "losses": .integer(Int64(comparison.losses)),
                        "ties": .integer(Int64(comparison.ties)),
                    ]
                })
        }
        return .object(object)
    }

    private func json(of entry: Entry) -> JSONObject {
        let evaluation = entry.evaluation
        func value(_ number: Double, _ measure: Measure) -> JSONValue {
            measure.isCount ? .integer(Int64(number)) : .number(number)
        }
        var object: JSONObject = ["run": .string(entry.name)]
        var overall = JSONObject()
        for (index, measure) in measures.enumerated() {
            overall[measure.name] = value(evaluation.overall(index), measure)
        }
        object["measures"] = .object(overall)
        object["queries"] = .integer(Int64(evaluation.queryCount))
        object["queries_without_results"] = .integer(Int64(evaluation.queriesWithoutResults))
        object["unjudged_queries"] = .integer(Int64(evaluation.unjudgedQueries))
        object["unknown_queries"] = JSONValue(entry.unknown.queryCount)
        object["unknown_documents"] = JSONValue(entry.unknown.documentCount)
        object["results"] = .integer(Int64(evaluation.resultCount))
        object["longest_ranking"] = JSONValue(evaluation.longestRanking)
        object["identical_ids"] = JSONValue(evaluation.identicalIDCount)
        guard includesQueries else { return object }
        object["per_query"] = .array(
            (0..<evaluation.queryCount).map { query in
                var fields: JSONObject = ["query_id": .string(Report.printable(evaluation.queries[query]))]
                for (index, measure) in measures.enumerated() {
                    fields[measure.name] = value(evaluation.values[index][query], measure)
                }
                return .object(fields)
            })
        return object
    }
}

/// Rows of cells; the first row is the header, the first column is text, the others are numbers.
private enum Table {
    static func plain(_ rows: [[String]]) -> String {
        let widths = widths(rows)
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                line += column == 0 ? cell + padding : "  " + padding + cell
            }
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }.joined()
    }

    static func markdown(_ rows: [[String]]) -> String {
        let columnCount = rows[0].count
        var text = ""
        for (index, row) in rows.enumerated() {
            let cells = row + Array(repeating: "", count: columnCount - row.count)
            text += "| " + cells.map(escapedCell).joined(separator: " | ") + " |\n"
            if index == 0 { text += "| --- |" + String(repeating: " ---: |", count: columnCount - 1) + "\n" }
        }
        return text
    }

    private static func escapedCell(_ cell: String) -> String {
        var text = ""
        for character in cell {
            if character == "|" || character == "\\" { text.append("\\") }
            text.append(character)
        }
        return text
    }

    private static func widths(_ rows: [[String]]) -> [Int] {
        var widths = [Int](repeating: 0, count: rows[0].count)
        for row in rows {
            for (column, cell) in row.enumerated() { widths[column] = max(widths[column], cell.count) }
        }
        return widths
    }
}

/// With its sign, whatever it is.
private func signed(_ value: Double) -> String {
    let text = decimal(value, digits: 4)
    return text.hasPrefix("-") ? text : "+" + text
}
