internal import Base
internal import SystemPackage

/// Stamps of Tux Paint: drawings and photographs, each with a caption in many languages, and recordings of captions.
struct Stamps {
    static let spokenLanguages = ["en", "es", "fr", "ca", "ro"]

    private let packages: Packages
    private let folder: FilePath

    init(_ packages: Packages) throws {
        self.packages = packages
        folder = try packages.folder("tuxpaint-stamps-default", "usr/share/tuxpaint/stamps")
    }

    /// Stamps that are drawings in SVG alone are left out: nothing here renders them.
    func images(_ tally: inout Tally) throws -> [CaptionedItem] {
        tally.begin("stamps", licence: "GPL-2")
        var items: [CaptionedItem] = []
        for file in try packages.files(below: folder, ending: ".txt") {
            let name = String(file.dropLast(4))
            let media = folder.appending(name + ".png")
            guard Files.exists(media) else {
                tally.omit("stamps", "no PNG")
                continue
            }
            let captions = try captions(of: file)
            guard captions.contains(where: { $0.language == "en" }) else {
                tally.omit("stamps", "no English caption")
                continue
            }
            let item = CaptionedItem(
                source: "stamps", name: name, media: packages.relative(media),
                captions: captions.filter { ["en", "de", "fr"].contains($0.language) },
                variant: NameStem(name).text)
            items.append(item)
        }
        return items
    }

    func recordings(_ language: String, _ tally: inout Tally) throws -> [CaptionedItem] {
        tally.begin("spoken-stamps", licence: "GPL-2")
        let ending = language == "en" ? "_desc.ogg" : "_desc_\(language).ogg"
        return try packages.files(below: folder, ending: ending).compactMap { file in
            let name = String(file.dropLast(ending.utf8.count))
            guard Files.exists(folder.appending(name + ".txt")),
                let caption = try captions(of: name + ".txt").first(where: { $0.language == language })
            else {
                tally.omit("spoken-stamps", "no caption in the language")
                return nil
            }
            let item = CaptionedItem(
                source: "spoken-stamps", name: "\(language)/\(name)",
                media: packages.relative(folder.appending(file)), captions: [caption], variant: NameStem(name).text)
            return item
        }
    }

    /// The first line is English; others begin with a language and `.utf8=`.
    private func captions(of file: String) throws -> [CaptionedItem.Caption] {
        let lines = try Files.readText(folder.appending(file)).split(
            separator: "\n", omittingEmptySubsequences: false)
        var captions: [CaptionedItem.Caption] = []
        for (index, line) in lines.enumerated() {
            let language: String
            let text: Substring
            if index == 0 {
                (language, text) = ("en", line)
            } else {
                let parts = line.split(separator: "=", maxSplits: 1)
                guard parts.count == 2, parts[0].hasSuffix(".utf8") else { continue }
                (language, text) = (String(parts[0].dropLast(5)), parts[1])
            }
            let tidied = String(text).tidied
            if !tidied.isEmpty { captions.append(CaptionedItem.Caption(language: language, text: tidied)) }
        }
        return captions
    }
}
