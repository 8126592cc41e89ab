public import Ingest
internal import JSON
internal import StoreFormat
public import SystemPackage

extension RawSource {
    /// ColPali's training set: pages of documents, each with a query.
    ///
    /// Columns: `image`, `query`, and `image_filename`, `answer`, `source`, `options`, `page`, `model`, `prompt`,
    /// `answer_type`, which stay with the query. Equal images are one document, whose id is their SHA-256.
    ///
    /// - Parameter sources: Parquet files or JSON Lines, or folders of them.
    public static func colpali(_ sources: [FilePath]) throws -> RawSource {
        try rows("colpali", of: sources) { _ in ColPaliRows() }
    }
}

struct ColPaliRows: SourceRows {
    func read(_ row: JSONNode, into records: RowRecords) throws {
        var document = RecordLine()
        document.set("document_image", try row.wanted("image"))
        let id = try records.addDocument(document, id: .media(.image))
        var query = RecordLine()
        query.set("query_text", try row.wanted("query"))
        query.setAll(of: row, except: ["image", "query"])
        query.set("positive_document_ids", texts: [id])
        try records.addQuery(query)
    }
}
