/// How a record becomes the text that a model reads, in encoding and in training.
public enum RecordText {
    /// The rule for documents, as model cards name it.
    public static let rule = "title + \" \" + text"

    /// Appends `title + " " + text`, or what there is of the two: no space where one is missing or empty.
    ///
    /// - Parameters: valid UTF-8, both.
    @inlinable
    public static func append(
        title: (some Collection<UInt8>)?, text: (some Collection<UInt8>)?, to output: inout [UInt8]
    ) {
        if let title, !title.isEmpty {
            output.append(contentsOf: title)
            if let text, !text.isEmpty { output.append(0x20) }
        }
        if let text { output.append(contentsOf: text) }
    }
}
