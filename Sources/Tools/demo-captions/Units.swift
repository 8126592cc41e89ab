internal import Base
internal import SystemPackage

/// Units of the game Battle for Wesnoth: a sprite and a portrait, a name and a description.
struct Units {
    private let packages: Packages
    private let folder: FilePath

    init(_ packages: Packages) throws {
        self.packages = packages
        folder = try packages.folder("wesnoth-1.16-data", "usr/share/games/wesnoth/1.16/data/core")
    }

    func images(_ tally: inout Tally) throws -> [CaptionedItem] {
        tally.begin("units", licence: "GPL-2+")
        var items: [CaptionedItem] = []
        var taken: Set<String> = []
        for file in try packages.files(below: folder.appending("units"), ending: ".cfg") {
            let text = try Files.readText(folder.appending("units").appending(file))
            guard let unit = Self.unit(text), let name = unit["name"], let sprite = unit["image"] else {
                tally.omit("units", "no unit with a name and an image")
                continue
            }
            var captions = [CaptionedItem.Caption(language: "en", text: name)]
            if let description = unit["description"].flatMap(Self.beginning) {
                captions.append(CaptionedItem.Caption(language: "en", text: description))
            }
            for (kind, image) in [("sprite", sprite), ("portrait", unit["profile"] ?? "")] {
                // Functions that change colours follow the path.
                let path = String(image.prefix { $0 != "~" })
                let media = folder.appending("images").appending(path)
                guard path.hasSuffix(".png"), Files.exists(media) else {
                    tally.omit("units", "no file for the \(kind)")
                    continue
                }
                guard taken.insert(path).inserted else {
                    tally.omit("units", "\(kind) of an earlier unit")
                    continue
                }
                let item = CaptionedItem(
                    source: "units", name: "\(file.dropLast(4))/\(kind)", media: packages.relative(media),
                    captions: captions, variant: name)
                items.append(item)
            }
        }
        return items
    }

    /// The texts that stand directly in the first `[unit_type]`, by key.
    static func unit(_ text: String) -> [String: String]? {
        guard let start = text.firstRange(of: "[unit_type]") else { return nil }
        var values: [String: String] = [:]
        var depth = 0
        var rest = text[start.upperBound...]
        while let end = rest.firstIndex(of: "\n") {
            let line = rest[..<end].drop(while: \.isWhitespace)
            var next = rest.index(after: end)
            if line.hasPrefix("[/unit_type]") { break }
            if line.hasPrefix("[/") {
                depth -= 1
            } else if line.hasPrefix("[") {
                depth += 1
            } else if depth == 0, !line.hasPrefix("#"), let equals = line.firstIndex(of: "=") {
                let key = line[..<equals].split(whereSeparator: \.isWhitespace).joined()
                var value = line[line.index(after: equals)...]
                if let quote = value.firstIndex(of: "\"") {
                    // A text in quotes may go on over lines.
                    let first = rest.index(after: quote)
                    guard let last = rest[first...].firstIndex(of: "\"") else { break }
                    value = rest[first..<last]
                    next = rest[last...].firstIndex(of: "\n").map { rest.index(after: $0) } ?? rest.endIndex
                }
                if values[key] == nil { values[key] = String(value).tidied }
            }
            rest = rest[next...]
        }
        return values
    }

    /// Whole sentences of the first 60 words, or those words.
    static func beginning(_ text: String) -> String? {
        let words = text.split(separator: " ").prefix(60)
        guard words.count >= 4 else { return nil }
        let end = words.lastIndex { $0.hasSuffix(".") } ?? words.endIndex - 1
        return words[...end].joined(separator: " ")
    }
}
