internal import Archives
internal import Base
internal import Ingest
internal import JSON
internal import Store
internal import StoreFormat

extension DatasetExport {
    /// An id that a column of a table cannot hold.
    private struct UnfitID: Error {
        let id: [UInt8]
    }

    func writeJudgements(_ links: Links, split: String) throws {
        let name = "qrels/\(split).tsv"
        guard !split.isEmpty, !split.hasPrefix("."), !split.utf8.contains(0x2F), !split.utf8.contains(0),
            split.utf8.count < 200, Conversions.splitName(name).utf8.elementsEqual(split.utf8)
        else {
            throw Failure(
                .badData, "the split \(escaped(split.utf8)) of \(dataset.reference) cannot be the name of a file",
                advice: "Export a version whose splits have names without slashes and without the endings of files.")
        }
        do {
            try writeJudgements(links, to: name, asTable: true)
        } catch let unfit as UnfitID {
            guard format != .beir else {
                throw Failure(
                    .badData,
                    "the judgements \(split) of \(dataset.reference) have the id \(escaped(unfit.id)), which a line of "
                        + "\(name) cannot hold",
                    advice: "--format v2 and webdataset write such judgements as JSON Lines.")
            }
            try writeJudgements(links, to: "qrels/\(split).jsonl", asTable: false)
        }
    }

    /// Writes the positives as judgements of a split, each with grade 1.
    func writePositives(_ split: String) throws {
        guard let positives = dataset.positives else {
            throw Failure(.badData, "\(dataset.reference) has no positives", advice: "Leave --positives out.")
        }
        guard !report.judgementCounts.contains(where: { $0.split.utf8.elementsEqual(split.utf8) }) else {
            throw Failure(
                .usage, "\(dataset.reference) has judgements of the split \"\(split)\" already",
                advice: "Give --positives another name.")
        }
        try writeJudgements(positives, split: split)
        report.judgementCounts.append((split, positives.linkCount))
        report.judgementCounts.sort { $0.split.utf8.lexicographicallyPrecedes($1.split.utf8) }
        report.positivesSplit = split
        report.positiveCount = positives.linkCount
        if positives.hasScores { omit("positive scores", positives.linkCount) }
    }

    private func writeJudgements(_ links: Links, to name: String, asTable: Bool) throws {
        let output = try CompressedOutput(folder.path(name))
        if asTable { try output.write(Array("query-id\tcorpus-id\tscore\n".utf8)) }
        let dataset = dataset
        let isGraded = links.role == .judgement
        try forEachRange(of: dataset.queryCount, step: 1024) { range in
            try Self.judgements(of: range, links, dataset, isGraded: isGraded, asTable: asTable)
        } write: {
            try output.write($0)
        }
        report.writtenBytes += try output.commit()
        report.fileCount += 1
    }

    private static func judgements(
        of range: Range<Int>, _ links: Links, _ dataset: Dataset, isGraded: Bool, asTable: Bool
    ) throws -> [UInt8] {
        var lines: [UInt8] = []
        let reader = try RecordReader(dataset)
        try dataset.forEachQueryID(in: range) { query, queryID in
            let targets = try links.targets(of: query)
            let grades = isGraded ? try links.scores(of: query).map { Array($0) } : nil
            for (document, grade) in zip(targets, grades ?? Array(repeating: 1, count: targets.count)) {
                let documentID = try reader.documentID(Int(document))
                guard grade.isFinite else {
                    throw Failure(
                        .badData, "\(dataset.reference), query \(query), document \(document): the grade is \(grade)")
                }
                if asTable {
                    for id in [Array(queryID), documentID] where !fitsColumn(id) { throw UnfitID(id: id) }
                    appendField(Array(queryID), to: &lines)
                    lines.append(0x09)
                    appendField(documentID, to: &lines)
                    lines.append(0x09)
                    lines += Array(text(of: grade).utf8)
                } else {
                    JSONText.appendLiteral("{\"query_id\":", to: &lines)
                    JSONText.appendString(queryID, to: &lines)
                    JSONText.appendLiteral(",\"docid\":", to: &lines)
                    JSONText.appendString(documentID, to: &lines)
                    JSONText.appendLiteral(",\"score\":", to: &lines)
                    JSONText.appendFloat(grade, to: &lines)
                    lines.append(0x7D)
                }
                lines.append(0x0A)
            }
        }
        return lines
    }

    /// In quotes where it begins with one: readers of such tables, BEIR's among them, take these off.
    private static func appendField(_ id: [UInt8], to lines: inout [UInt8]) {
        guard id.first == 0x22 else {
            lines += id
            return
        }
        lines.append(0x22)
        for byte in id {
            if byte == 0x22 { lines.append(byte) }
            lines.append(byte)
        }
        lines.append(0x22)
    }

    /// No tab and no line feed; and no carriage return, at which some readers end a line.
    private static func fitsColumn(_ id: [UInt8]) -> Bool { !id.contains { $0 == 0x09 || $0 == 0x0A || $0 == 0x0D } }

    /// Whole grades without a point, as trec_eval wants them; all others so that they read back as the same float32.
    private static func text(of grade: Float) -> String {
        guard let whole = Int(exactly: grade), grade != 0 || grade.sign == .plus else { return "\(grade)" }
        return "\(whole)"
    }
}
