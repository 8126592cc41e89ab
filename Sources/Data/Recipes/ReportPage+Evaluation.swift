internal import Base
internal import JSON
internal import Reports

extension DatasetReport {
    /// What the retriever came to, or why that is not known; nil where nobody asked.
    var evaluation: String? {
        if let reason = lock.json["unmeasured"]?.string { return "<p>It is not measured: \(html(reason)).</p>" }
        guard let measured = lock.evaluation else { return nil }
        var rows = measured.values.map { [html($0.measure), decimal($0.value, digits: 4)] }
        rows.append(["queries", grouped(measured.queryCount)])
        rows.append(["of them without results, which count as 0", grouped(measured.queriesWithoutResults)])
        var body =
            "<p>On the split <code>\(html(measured.split))</code> of <code>\(html(measured.dataset))</code>, by "
            + "<code>tvt-eval</code>; the values are also in <code>\(RecipePlan.measures)</code>.</p>"
        body += Page.table(header: ["what", "value"], rows: rows)
        // With mining, what was decided stands with the queries.
        if filter == nil { body += documentNote }
        return body + Self.leftOut(of: lock.json["evaluation"]?["vectors"], "evaluation-")
    }

    /// What the retriever was given of documents with media.
    var documentNote: String {
        guard let documents = lock.json["documents"], let form = documents["form"]?.string else { return "" }
        return "<p>Documents were encoded by: \(html(form)); \(html(documents["reason"]?.string ?? "")).</p>"
    }

    /// Records that have no vector.
    ///
    /// - Parameters:
    ///   - vectors: of a lock.
    ///   - folder: what the names of their folders begin with.
    static func leftOut(of vectors: JSONValue?, _ folder: String) -> String {
        ["corpus", "queries"].map { side in
            guard let count = vectors?[side]?["leftOut"]?.integer, count > 0 else { return "" }
            return "<p>\(grouped(count)) of the \(side) could not be given to the model and have no vector; "
                + "<code>stages/encode-\(folder)\(side).left-out.jsonl</code> names each, and why.</p>"
        }.joined()
    }
}
