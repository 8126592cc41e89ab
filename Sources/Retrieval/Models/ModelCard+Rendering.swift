extension ModelCard {
    /// Appends the text that a document stands for: `title + " " + text`, or the text alone where there is no title.
    ///
    /// The one way a document is rendered, in encoding and in training; see ``rendering``.
    public static func render(title: [UInt8]?, text: [UInt8]?, into output: inout [UInt8]) {
        if let title, !title.isEmpty {
            output.append(contentsOf: title)
            output.append(UInt8(ascii: " "))
        }
        if let text { output.append(contentsOf: text) }
    }
}
