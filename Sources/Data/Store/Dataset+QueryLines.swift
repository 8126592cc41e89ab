internal import Base
internal import JSON
internal import StoreFormat

extension Dataset {
    /// Appends a query as a v2 row: the stored record with `positive_document_ids` and `negative_document_ids` behind
    /// its other fields, both present even where they are empty; where links have scores, `positive_document_scores` or
    /// `negative_document_scores` follow. No newline.
    ///
    /// - Parameters:
    ///   - record: the stored line of the query.
    ///   - reader: decompresses the documents whose ids are needed.
    public func appendQueryLine(
        _ ordinal: Int, _ record: UnsafeRawBufferPointer, with reader: RecordReader, to output: inout [UInt8]
    ) throws {
        guard record.last == UInt8(ascii: "}") else {
            throw DamagedBlob(
                queries.parts[queries.part(of: ordinal)].path, "query \(ordinal) does not end as a record does")
        }
        output.append(contentsOf: record.dropLast())
        for (name, links) in [("positive", positives), ("negative", negatives)] {
            output += Array(",\"\(name)_document_ids\":[".utf8)
            if let links {
                for (position, target) in try links.targets(of: ordinal).enumerated() {
                    if position > 0 { output.append(UInt8(ascii: ",")) }
                    output.append(UInt8(ascii: "\""))
                    // The id as it stands in the document's line: escaped already.
                    try reader.withDocumentRecord(Int(target)) { line in
                        output.append(contentsOf: line[try documents.parsed(line, ordinal: Int(target)).quotedID])
                    }
                    output.append(UInt8(ascii: "\""))
                }
            }
            output.append(UInt8(ascii: "]"))
        }
        for (name, links) in [("positive", positives), ("negative", negatives)] {
            guard let scores = try links?.scores(of: ordinal) else { continue }
            output += Array(",\"\(name)_document_scores\":[".utf8)
            for (position, score) in scores.enumerated() {
                if position > 0 { output.append(UInt8(ascii: ",")) }
                guard score.isFinite else {
                    throw Failure(
                        .badData,
                        "\(reference), query \(ordinal), \(name) \(position): the score is \(score), which JSON cannot say"
                    )
                }
                JSONText.appendFloat(score, to: &output)
            }
            output.append(UInt8(ascii: "]"))
        }
        output.append(UInt8(ascii: "}"))
    }
}
