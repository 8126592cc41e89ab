internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import Store

struct CatCommand: ParsableCommand {
    enum Part: String, ExpressibleByArgument, CaseIterable {
        case queries, corpus, qrels
    }

    static let configuration = CommandConfiguration(
        commandName: "cat", abstract: "Print a whole side of a dataset.",
        discussion: """
            queries and corpus come as v2 JSON Lines; qrels as `query-id <tab> 0 <tab> docid <tab> grade`, which \
            trec_eval reads.
            """)

    @OptionGroup var options: StoreOptions
    @Argument(help: "The dataset.") var name: String
    @Argument(help: "queries, corpus or qrels.") var part: Part
    @Option(help: "Which judgements; needed where there are several splits.") var split: String?

    func run() throws {
        let dataset = try options.open().dataset(name)
        switch part {
        case .corpus:
            try buffered { output in
                try dataset.forEachDocumentRecord(in: 0..<dataset.documentCount) { _, record in
                    output.bytes.append(contentsOf: record)
                    try output.endLine()
                }
            }
        case .queries:
            let reader = try RecordReader(dataset)
            try buffered { output in
                try dataset.forEachQueryRecord(in: 0..<dataset.queryCount) { ordinal, record in
                    try dataset.appendQueryLine(ordinal, record, with: reader, to: &output.bytes)
                    try output.endLine()
                }
            }
        case .qrels: try printJudgements(of: dataset)
        }
    }

    private func printJudgements(of dataset: Dataset) throws {
        let splits = dataset.judgements.map(\.split)
        let wanted: String
        if let split {
            wanted = split
        } else if splits.count == 1 {
            wanted = splits[0]
        } else {
            throw Failure(
                splits.isEmpty ? .missingInput : .usage,
                splits.isEmpty ? "\(name) has no judgements" : "\(name) has several splits of judgements",
                advice: splits.isEmpty ? nil : "Choose with --split: \(splits.joined(separator: ", ")).")
        }
        guard let links = dataset.judgements(split: wanted) else {
            throw Failure(
                .missingInput, "\(name) has no judgements \(escaped(wanted.utf8))",
                advice: splits.isEmpty ? nil : "There are: \(splits.joined(separator: ", ")).")
        }
        let reader = try RecordReader(dataset)
        try buffered { output in
            try dataset.forEachQueryID(in: 0..<dataset.queryCount) { query, queryID in
                guard let grades = try links.scores(of: query) else { return }
                for (document, grade) in zip(try links.targets(of: query), grades) {
                    output.bytes.append(contentsOf: queryID)
                    output.bytes += Array("\t0\t".utf8)
                    output.bytes += try reader.documentID(Int(document))
                    output.bytes.append(UInt8(ascii: "\t"))
                    output.bytes += Array(Self.text(of: grade).utf8)
                    try output.endLine()
                }
            }
        }
    }

    /// Grades are almost always whole numbers, which trec_eval wants without a point.
    private static func text(of grade: Float) -> String {
        Int(exactly: grade).map { "\($0)" } ?? "\(grade)"
    }

    private func buffered(_ body: (inout LineBuffer) throws -> Void) throws {
        var buffer = LineBuffer()
        try body(&buffer)
        try buffer.flush()
    }
}

/// Lines on their way to stdout, a quarter of a mebibyte at a time.
struct LineBuffer {
    var bytes: [UInt8] = []

    mutating func endLine() throws {
        bytes.append(UInt8(ascii: "\n"))
        if bytes.count >= 1 << 18 { try flush() }
    }

    mutating func flush() throws {
        try bytes.withUnsafeBytes { try writeToStandardOutput($0) }
        bytes.removeAll(keepingCapacity: true)
        try Interruption.check()
    }
}
