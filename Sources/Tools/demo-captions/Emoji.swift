internal import Base
internal import SystemPackage

/// Emoji of one character: images out of the colour font, names and keywords of CLDR.
struct Emoji {
    private let packages: Packages
    private let font: FilePath
    private let annotations: FilePath

    init(_ packages: Packages) throws {
        self.packages = packages
        font = try packages.folder("fonts-noto-color-emoji", "usr/share/fonts/truetype/noto")
            .appending("NotoColorEmoji.ttf")
        annotations = try packages.folder("unicode-cldr-core", "usr/share/unicode/cldr/common/annotations")
    }

    func images(_ tally: inout Tally) throws -> [CaptionedItem] {
        tally.begin("emoji", licence: "OFL-1.1 (images), Unicode-DFS-2016 (names)")
        let font = try ColourFont(font)
        let english = try Annotations(annotations.appending("en.xml"))
        let others = try ["de", "fr"].map { ($0, try Annotations(annotations.appending($0 + ".xml"))) }
        let folder = packages.root.appending("emoji")
        try Files.makeDirectory(folder)
        var items: [CaptionedItem] = []
        for (character, name) in english.names.sorted(by: { $0.key < $1.key }) {
            let scalars = character.unicodeScalars.filter { $0.value != 0xFE0F }
            guard scalars.count == 1, let scalar = scalars.first else {
                tally.omit("emoji", "a sequence of characters")
                continue
            }
            guard let image = try font.image(of: scalar) else {
                tally.omit("emoji", "no image in the font")
                continue
            }
            let hex = String(scalar.value, radix: 16)
            let file = folder.appending(hex + ".png")
            try Files.replace(file, with: image)
            var captions = [CaptionedItem.Caption(language: "en", text: name)]
            let keywords = (english.keywords[character] ?? []).filter { $0.letters != name.letters }
            if !keywords.isEmpty {
                captions.append(CaptionedItem.Caption(language: "en", text: keywords.joined(separator: ", ")))
            }
            for (language, annotations) in others {
                if let name = annotations.names[character] {
                    captions.append(CaptionedItem.Caption(language: language, text: name))
                }
            }
            let item = CaptionedItem(
                source: "emoji", name: hex, media: packages.relative(file), captions: captions,
                variant: NameStem(name).text)
            items.append(item)
        }
        return items
    }
}

/// Names and keywords of characters in a language: a file of CLDR's `annotations`.
struct Annotations {
    private(set) var names: [String: String] = [:]
    private(set) var keywords: [String: [String]] = [:]

    /// Each annotation has a line of its own in these files.
    ///
    /// - Throws: `InputError` for a file without any.
    init(_ path: FilePath) throws {
        for line in try Files.readText(path).split(separator: "\n") {
            let line = line.drop(while: \.isWhitespace)
            guard line.hasPrefix("<annotation cp=\""), let end = line.firstRange(of: "</annotation>") else { continue }
            let body = line[line.index(line.startIndex, offsetBy: 16)..<end.lowerBound]
            guard let quote = body.firstIndex(of: "\""), let open = body[quote...].firstIndex(of: ">") else { continue }
            let character = Self.unescaped(body[..<quote])
            let text = Self.unescaped(body[body.index(after: open)...])
            // Three arrows mean: as in the language that this one is a variant of.
            if text.contains("↑") { continue }
            if body[quote..<open].contains("type=\"tts\"") {
                names[character] = text.tidied
            } else {
                keywords[character] = text.split(separator: "|").map { String($0).tidied }
            }
        }
        guard !names.isEmpty else { throw InputError("no annotations", at: Place(path: path.string)) }
    }

    private static func unescaped(_ text: Substring) -> String {
        var text = String(text)
        for (name, character) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")] {
            text = text.split(separator: name, omittingEmptySubsequences: false).joined(separator: character)
        }
        return text
    }
}
