internal import Base
internal import CommandLineKit
internal import JSON
internal import Reports
internal import SystemPackage

/// Both ways of asking: by chance, before and after training; and captions that are found by captions.
struct DemoMeasures {
    private let header = ["", "R@1", "R@10", "MRR@10", "queries", "candidates"]
    private let rows: [[String]]

    init(_ demo: DemoFolder) throws {
        let directions = [("words → item", "test", ""), ("item → words", "test-reversed", "-reversed")]
        var rows: [[String]] = []
        for (name, dataset, ending) in directions {
            let answers = try demo.judgements(dataset).map { $0.answers.count }
            let folder = dataset == "test" ? "test" : "test/reversed"
            let candidates = try demo.records(demo.tables.appending(folder).appending("corpus.jsonl")).count
            let chance = [1, 10].map { depth in
                decimal(
                    answers.reduce(0) { $0 + Self.chance($1, of: candidates, depth: depth) } / Double(answers.count),
                    digits: 4)
            }
            rows.append([name + ", by chance"] + chance + ["", "\(answers.count)", "\(candidates)"])
            for (label, when) in [("untrained", "before"), ("trained", "after")] {
                rows.append(try Self.row("\(name), \(label)", demo, when + ending, candidates))
            }
            if dataset == "test" {
                for (label, when) in [("untrained", "before"), ("trained", "after")] {
                    rows.append(
                        try Self.row("\(name), captions not trained on, \(label)", demo, when + "-new", candidates))
                }
                rows.append(try Self.row("caption → other caption, MiniLM alone", demo, "captions", candidates))
            }
        }
        self.rows = rows
    }

    private static func row(_ name: String, _ demo: DemoFolder, _ file: String, _ candidates: Int) throws -> [String] {
        let path = demo.path.appending("measures").appending(file + ".json")
        guard let run = try JSONValue.parse(file: path)["runs"]?.array?.first, let queries = run["queries"]?.integer
        else { throw InputError("not the result of tvt-eval --format json", at: Place(path: path.string)) }
        let values = try ["success@1", "success@10", "mrr@10"].map { measure in
            guard let value = run["measures"]?[measure]?.double else {
                throw InputError("a measure is missing", at: Place(path: path.string, field: measure))
            }
            return decimal(value, digits: 4)
        }
        return [name] + values + ["\(queries)", "\(candidates)"]
    }

    /// The probability that at least one of some answers is among so many that are drawn of all candidates.
    static func chance(_ answers: Int, of candidates: Int, depth: Int) -> Double {
        var none = 1.0
        for drawn in 0..<min(depth, candidates) {
            none *= Double(max(0, candidates - answers - drawn)) / Double(candidates - drawn)
        }
        return 1 - none
    }

    var html: String {
        Page.table(header: header, rows: rows.map { [Reports.html($0[0])] + $0.dropFirst() })
            + """
            <p><small>R@k: part of the queries that have a right answer among the first k; MRR@10: mean of 1 / rank of the \
            first right answer, 0 beyond rank 10. Of items with several captions the first asks. The last line of words has \
            a text in the place of each item: its second caption, or the second half of its only one, asked for by the \
            first; that is what a model would reach that knew of each item what one caption says, by words alone. Captions \
            too short to be halved stand among its candidates, and nobody asks for them.</small></p>
            """
    }

    var text: String { Printed.table([header] + rows, right: Set(1..<header.count)) }
}
