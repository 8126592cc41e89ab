internal import Base
internal import SystemPackage

/// An image or a recording, and what it shows or says.
struct CaptionedItem: Sendable {
    struct Caption: Hashable, Sendable {
        /// Of BCP 47.
        let language: String
        let text: String
    }

    /// `<source>/<name>`, without spaces.
    let id: String
    /// The file, as a path in the folder of all media.
    private(set) var media: String
    /// Those of a language in the order of their worth.
    let captions: [Caption]
    /// Items that share a key are on the same side: variants of one drawing, say.
    private(set) var keys: [String]

    var source: Substring { id.prefix { $0 != "/" } }

    /// - Parameter variant: the same for items that differ in details alone.
    init(source: String, name: String, media: String, captions: [Caption], variant: String) {
        id = source + "/" + name
        self.media = media
        self.captions = captions
        keys = ["variant of \(source)/\(variant)"]
    }

    /// The item with another file, and one key more.
    func with(media: String, key: String) -> CaptionedItem {
        var item = self
        item.media = media
        item.keys.append(key)
        return item
    }

    /// Equal texts are on the same side, whoever says them.
    mutating func addTextKeys() {
        for caption in captions { keys.append("text " + caption.text.letters) }
    }

    func captions(in language: String) -> [String] {
        captions.filter { $0.language == language }.map(\.text)
    }
}

extension String {
    /// Lowercase letters and digits, one space between words: texts that differ in nothing else sound alike.
    var letters: String {
        lowercased().split { !$0.isLetter && !$0.isNumber }.joined(separator: " ")
    }

    /// The text with single spaces between words, and none around them.
    var tidied: String { split(whereSeparator: \.isWhitespace).joined(separator: " ") }
}
