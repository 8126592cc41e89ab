internal import Archives
internal import Base
internal import SystemPackage

/// Asterisk's prompts in English, all spoken by one voice, with what it says.
struct Prompts {
    private let packages: Packages
    private let sounds: FilePath
    private let transcripts: FilePath

    init(_ packages: Packages) throws {
        self.packages = packages
        sounds = try packages.folder("asterisk-core-sounds-en-wav", "usr/share/asterisk/sounds/en_US_f_Allison")
        transcripts = try packages.folder("asterisk-core-sounds-en", "usr/share/doc/asterisk-core-sounds-en")
            .appending("core-sounds-en.txt.gz")
    }

    func recordings(_ tally: inout Tally) throws -> [CaptionedItem] {
        tally.begin("prompts", licence: "CC-BY-SA-3.0")
        let bytes = try InputStream(transcripts).readAll()
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw InputError("not UTF-8", at: Place(path: transcripts.string))
        }
        var items: [CaptionedItem] = []
        for line in text.split(separator: "\n") where !line.hasPrefix(";") {
            let parts = line.split(separator: ":", maxSplits: 1)
            let name = String(parts[0]).tidied
            guard parts.count == 2 else { continue }
            let caption = String(parts[1]).tidied
            guard !caption.isEmpty, !caption.contains("["), !caption.contains("(") else {
                tally.omit("prompts", "no plain words: a tone, or a remark")
                continue
            }
            let media = sounds.appending(name + ".wav")
            guard Files.exists(media) else {
                tally.omit("prompts", "no recording")
                continue
            }
            let item = CaptionedItem(
                source: "prompts", name: name, media: packages.relative(media),
                captions: [CaptionedItem.Caption(language: "en", text: caption)], variant: name)
            items.append(item)
        }
        return items
    }
}

/// Spoken names of the things in the game KTuberling, in English: a name is all that its files say of a recording.
struct Tuberling {
    private let packages: Packages
    private let folder: FilePath

    init(_ packages: Packages) throws {
        self.packages = packages
        folder = try packages.folder("ktuberling-data", "usr/share/ktuberling/sounds")
    }

    func recordings(_ tally: inout Tally) throws -> [CaptionedItem] {
        tally.begin("tuberling", licence: "GPL-2+")
        var items: [CaptionedItem] = []
        for line in try Files.readText(folder.appending("en.soundtheme")).split(separator: "\n") {
            guard let name = Self.attribute("name", of: line), let file = Self.attribute("file", of: line) else {
                continue
            }
            let media = folder.appending(file)
            guard Files.exists(media) else {
                tally.omit("tuberling", "no recording")
                continue
            }
            // `egypt_palmtree`: the scene comes first.
            guard let word = name.split(separator: "_").last else { continue }
            let item = CaptionedItem(
                source: "tuberling", name: name, media: packages.relative(media),
                captions: [CaptionedItem.Caption(language: "en", text: String(word))], variant: name)
            items.append(item)
        }
        return items
    }

    private static func attribute(_ name: String, of line: Substring) -> String? {
        guard let start = line.firstRange(of: name + "=\"")?.upperBound,
            let end = line[start...].firstIndex(of: "\"")
        else { return nil }
        return String(line[start..<end])
    }
}
