internal import Base
internal import Inputs
internal import JSON

/// What the model is given of one record of an example, for people.
public struct GivenRecord: Sendable, Equatable {
    /// Prompt, template and text, with a note in the place of what is cut off.
    public let text: String
    /// A line for each image, video or sound.
    public let media: [String]
    /// In all.
    public let tokenCount: Int
    public let mediaTokenCount: Int
    public let wasTruncated: Bool
    /// Whether the record has media that the model is not given.
    public let ignoresMedia: Bool

    init(_ preview: InputPreview) {
        if let cut = preview.cut {
            let count = preview.text[cut].utf8.count
            let note = " [cut: \(grouped(count)) \(count == 1 ? "byte" : "bytes") not read] "
            text = preview.text[..<cut.lowerBound] + note + preview.text[cut.upperBound...]
        } else {
            text = preview.text
        }
        media = preview.media
        (tokenCount, mediaTokenCount) = (preview.tokenCount, preview.mediaTokenCount)
        (wasTruncated, ignoresMedia) = (preview.wasTruncated, preview.ignoresMedia)
    }

    /// `41 tokens: 16 of media, 25 of prompt and text; the text is cut`
    var counts: String {
        var text = "\(grouped(tokenCount)) tokens"
        if mediaTokenCount > 0 {
            text +=
                ": \(grouped(mediaTokenCount)) of media, \(grouped(tokenCount - mediaTokenCount)) of prompt and text"
        }
        if wasTruncated { text += "; the text is cut" }
        if ignoresMedia { text += "; its media are not given" }
        return text
    }

    /// - Parameter name: what the record is in its example.
    func lines(_ name: String) -> [String] {
        let label = "     " + name + String(repeating: " ", count: max(1, 10 - name.count))
        let indent = String(repeating: " ", count: label.count)
        return ["\(label)\(text)"] + (media + [counts]).map { "\(indent)(\($0))" }
    }

    var json: JSONValue {
        [
            "text": .string(text), "media": .array(media.map { .string($0) }), "tokens": JSONValue(tokenCount),
            "media_tokens": JSONValue(mediaTokenCount), "truncated": .bool(wasTruncated),
            "ignores_media": .bool(ignoresMedia),
        ]
    }
}
