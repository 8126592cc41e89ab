internal import JSON

/// Which columns or files are documents, and what of them; as a person says it.
public struct CorpusOptions: MediaColumns, Sendable, Equatable {
    public var id: String?
    public var text: String?
    public var title: String?
    /// Columns that stay with the document, `name` or `name=new name`.
    public var keep: [String] = []
    public var images: [String] = []
    public var videos: [String] = []
    public var audios: [String] = []
    public var madeIDs = RowOptions.MadeIDs.content
    /// Patterns of paths, each file of which is a document.
    public var files: [String] = []
    /// Dots per inch of the images of PDFs' pages.
    public var resolution = 144
    /// The field that gets the text of a PDF's page; nil for none.
    public var pdfText: String?

    public init() {}

    public var isMapped: Bool {
        id != nil || text != nil || title != nil || !images.isEmpty || !videos.isEmpty || !audios.isEmpty
    }

    var arguments: [(option: String, values: [String])] {
        var arguments: [(option: String, values: [String])] = []
        func add(_ option: String, _ values: [String]) {
            if !values.isEmpty { arguments.append((option, values)) }
        }
        add("id", id.map { [$0] } ?? [])
        add("text", text.map { [$0] } ?? [])
        add("title", title.map { [$0] } ?? [])
        add("keep", keep)
        add("image", images)
        add("video", videos)
        add("audio", audios)
        if madeIDs != .content { add("make-ids", [madeIDs.rawValue]) }
        add("files", files)
        if resolution != 144 { add("resolution", ["\(resolution)"]) }
        add("pdf-text", pdfText.map { [$0] } ?? [])
        return arguments
    }

    var json: JSONObject {
        JSONObject(
            arguments.map { option, values in
                (option, values.count == 1 ? .string(values[0]) : .array(values.map { .string($0) }))
            })
    }
}
