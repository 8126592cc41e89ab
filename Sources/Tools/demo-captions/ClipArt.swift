internal import Base
internal import SystemPackage

/// Clip art of Open Clip Art Library, whose files are named by words.
///
/// A name ends in numbers and in its author's name, both cut off at some length: the caption is what comes before the first
/// word that is not English.
struct ClipArt {
    private let packages: Packages
    private let vocabulary: EnglishWords
    private let folder: FilePath

    /// Folders of pictures that show what their names say; others hold patterns, alphabets, signs and icons of programs.
    private static let folders = [
        "animals", "buildings", "computer/hardware", "containers", "decorations", "education", "electronics", "food",
        "geography/astronomy", "office", "people", "plants", "recreation", "science", "signs_and_symbols/weather",
        "tools", "transportation",
    ]
    private static let omitted = ["recreation/games/cards/", "transportation/roadsigns/"]

    /// Names of authors that are English words as well, and abbreviations: what ends a caption too.
    private static let ends: Set<String> = [
        "adam", "alan", "alex", "alexander", "ali", "andrew", "andy", "ann", "anonymous", "anthony", "ben",
        "benjamin", "bill", "bob", "carlos", "charles", "chris", "christian", "clay", "dan", "daniel", "dave",
        "david", "dirk", "don", "donna", "eric", "frank", "fred", "gabriel", "gary", "george", "geraint",
        "gerald", "glenn", "greg", "hank", "hans", "jack", "james", "jasper", "jean", "jim", "joe", "joel",
        "john", "johnson", "jon", "jonathan", "jordan", "joseph", "josh", "karl", "ken", "kim", "kirk", "lee",
        "leif", "leigh", "lin", "linda", "liz", "luis", "lumen", "marcel", "mario", "mark", "martin", "matt",
        "matthew", "max", "michael", "mike", "mitchell", "mo", "nathan", "nick", "nicu", "olivier", "orlando",
        "paul", "pete", "peter", "phil", "raphael", "ray", "rob", "robert", "roger", "roman", "ron", "sam",
        "sean", "seth", "shandy", "stefan", "stephen", "steve", "stuart", "sue", "susan", "ted", "terry",
        "thomas", "tim", "timothy", "tom", "tony", "victor", "whit", "will", "william",
        "br", "bw", "cli", "de", "fr", "ge", "http", "ii", "md", "si", "svg", "wit", "www",
    ]

    init(_ packages: Packages, _ vocabulary: EnglishWords) throws {
        self.packages = packages
        self.vocabulary = vocabulary
        folder = try packages.folder("openclipart-png", "usr/share/openclipart/png")
    }

    func images(_ tally: inout Tally) throws -> [CaptionedItem] {
        tally.begin("clipart", licence: "public domain")
        var items: [CaptionedItem] = []
        for file in try packages.files(below: folder, ending: ".png") {
            guard Self.folders.contains(where: { file.hasPrefix($0 + "/") }),
                !Self.omitted.contains(where: { file.hasPrefix($0) })
            else {
                tally.omit("clipart", "folder of icons, signs, shapes or cards")
                continue
            }
            let name = String(file.dropLast(4))
            guard let caption = caption(of: name) else {
                tally.omit("clipart", "name without English words")
                continue
            }
            let item = CaptionedItem(
                source: "clipart", name: name.split(whereSeparator: \.isWhitespace).joined(separator: "_"),
                media: packages.relative(folder.appending(file)),
                captions: [CaptionedItem.Caption(language: "en", text: caption)], variant: NameStem(caption).text)
            items.append(item)
        }
        return items
    }

    /// - Returns: nil where the name does not begin with words that have a noun among them.
    func caption(of path: String) -> String? {
        let name = path.split(separator: "/").last ?? ""
        var words: [String] = []
        for part in name.lowercased().split(whereSeparator: { !$0.isLetter && !$0.isNumber }) {
            let word = String(part.reversed().drop { $0.isNumber }.reversed())
            if word.isEmpty { continue }
            guard word.count > 1 || word == "a", vocabulary.contains(word), !Self.ends.contains(word) else {
                break
            }
            words.append(word)
        }
        while let last = words.last, EnglishWords.functionWords.contains(last) { words.removeLast() }
        guard words.contains(where: { $0.count > 2 && vocabulary.isNoun($0) }) else { return nil }
        return words.joined(separator: " ")
    }
}
