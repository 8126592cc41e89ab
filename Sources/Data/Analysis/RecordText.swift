internal import Base
internal import JSON
internal import Store
internal import StoreFormat

/// What a record holds, as flags.
struct Modalities: OptionSet, Hashable {
    let rawValue: UInt8
    static let title = Modalities(rawValue: 1)
    static let text = Modalities(rawValue: 2)
    static let image = Modalities(rawValue: 4)
    static let video = Modalities(rawValue: 8)
    static let audio = Modalities(rawValue: 16)
    static let media: Modalities = [.image, .video, .audio]

    static let names: [(Modalities, String)] = [
        (.title, "title"), (.text, "text"), (.image, "image"), (.video, "video"), (.audio, "audio"),
    ]
}

/// Takes title and text out of stored lines, one after the other, without an object a field. Belongs to one thread.
final class RecordText {
    private let parser = JSONParser()
    private let dataset: String
    private let kind: RecordKind

    /// What a line holds; the bytes are valid within the closure that gets them only.
    struct Contents {
        var title: UnsafeRawBufferPointer?
        var text: UnsafeRawBufferPointer?
        /// A name, or an object; valid within the closure as well.
        var image: JSONNode?
        var modalities: Modalities = []
    }

    init(_ dataset: Dataset, _ kind: RecordKind) {
        self.dataset = dataset.reference
        self.kind = kind
    }

    /// - Throws: `InputError` where the line is no JSON object.
    func withContents<Result>(
        of line: UnsafeRawBufferPointer, ordinal: Int, _ body: (Contents) throws -> Result
    ) throws -> Result {
        let root: JSONNode
        do throws(JSONSyntaxError) {
            root = try parser.parse(line)
        } catch {
            throw InputError(error.reason, at: Place(path: "\(dataset), record \(ordinal) of the \(kind)"))
        }
        return try withExtendedLifetime(parser) {
            var contents = Contents()
            for (key, value) in root.fields where value.kind != .null {
                if kind == .documents {
                    if key.isEqual(to: "title") {
                        contents.title = value.string
                        if value.string != nil { contents.modalities.insert(.title) }
                    } else if key.isEqual(to: "document_text") {
                        contents.text = value.string
                    } else if key.isEqual(to: "document_image") {
                        contents.modalities.insert(.image)
                        contents.image = value
                    } else if key.isEqual(to: "document_video") {
                        contents.modalities.insert(.video)
                    } else if key.isEqual(to: "document_audio") {
                        contents.modalities.insert(.audio)
                    }
                } else if key.isEqual(to: "query_text") {
                    contents.text = value.string
                } else if key.isEqual(to: "query_image") {
                    contents.modalities.insert(.image)
                } else if key.isEqual(to: "query_video") {
                    contents.modalities.insert(.video)
                } else if key.isEqual(to: "query_audio") {
                    contents.modalities.insert(.audio)
                }
            }
            if contents.text != nil { contents.modalities.insert(.text) }
            return try body(contents)
        }
    }
}
