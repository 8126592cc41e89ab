import Base
import Media
import SystemPackage
import TestKit

/// Folders as the demos' packages unpack to, with a few items each.
struct SmallPackages {
    let temporary: TemporaryFolder
    var root: FilePath { temporary("packages") }

    init() throws {
        temporary = try TemporaryFolder()
        for name in ["dog", "dog_brown", "cat", "owl", "fish", "fox", "hen", "bee"] {
            try writeImage("\(stamps)/animals/\(name).png", width: 40, height: 20)
            try write(
                "A \(name.prefix { $0 != "_" }).\nbe.utf8=x\nde.utf8=Ein \(name).\nfr.utf8=Un  \(name).\n",
                "\(stamps)/animals/\(name).txt")
        }
        try write("A drawing.\n", "\(stamps)/animals/drawing.txt")
        try writeImage("\(stamps)/animals/huge.png", width: 40, height: 20)
        try write("\nde.utf8=Nichts.\n", "\(stamps)/animals/huge.txt")
        let clips = "openclipart-png/usr/share/openclipart/png"
        for name in ["animals/horse_benji_park_01", "animals/red_horse_02", "food/lumaca_01", "computer/icons/horse"] {
            try writeImage("\(clips)/\(name).png", width: 300, height: 100)
        }
        // The same file under another name.
        try temporary.write(
            Files.readAll(root.appending("\(clips)/animals/red_horse_02.png")),
            to: "packages/\(clips)/tools/horse_copy.png")
        for name in ["index.noun", "index.verb", "index.adj", "index.adv", "noun.exc", "verb.exc", "adj.exc"] {
            let words = name == "index.noun" ? "horse n 1\nice_cream n 1\n" : name == "index.adj" ? "red a 1\n" : ""
            try write("  1 a licence\n" + words, "wordnet-base/usr/share/wordnet/\(name)")
        }
        let game = "wesnoth-1.16-data/usr/share/games/wesnoth/1.16/data/core"
        try writeImage("\(game)/images/units/grunt.png", width: 72, height: 72)
        try write(
            """
            [unit_type]
                name= _ "Grunt"
                image="units/grunt.png~RC(magenta>red)"
                [attack]
                    name=sword
                [/attack]
                description= _ "Grunts are strong and
            fierce. They carry axes"
            [/unit_type]

            """, "\(game)/units/grunt.cfg")
        try writeFont()
        for (language, name, words) in [("en", "sun", "warm | bright"), ("de", "Sonne", "x"), ("fr", "soleil", "x")] {
            try write(
                """
                <annotation cp="☀">\(words)</annotation>
                <annotation cp="☀" type="tts">\(name)</annotation>
                <annotation cp="☁" type="tts">cloud &amp; rain</annotation>
                <annotation cp="ab" type="tts">two</annotation>

                """, "\(annotations)/\(language).xml")
        }
    }

    private let stamps = "tuxpaint-stamps-default/usr/share/tuxpaint/stamps"
    private let annotations = "unicode-cldr-core/usr/share/unicode/cldr/common/annotations"

    @discardableResult
    func write(_ text: String, _ name: String) throws -> FilePath { try temporary.write(text, to: "packages/\(name)") }

    /// Pixels of its name, so that no two images are equal.
    private func writeImage(_ name: String, width: Int, height: Int) throws {
        try temporary.write(Self.image(name, width: width, height: height), to: "packages/\(name)")
    }

    static func image(_ name: String, width: Int, height: Int) throws -> [UInt8] {
        var generator = SplitMix64(seed: Array(name.utf8).withUnsafeBytes { XXH3.hash64($0) })
        let pixels = (0..<width * height * 3).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        return try Bitmap(width: width, height: height, channelCount: 3, pixels: pixels).encoded(as: .png)
    }

    var font: FilePath { root.appending("fonts-noto-color-emoji/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf") }

    /// A font of two characters, ☀ and ☁, of which the second has no image.
    private func writeFont() throws {
        let png = try Self.image("sun", width: 34, height: 32)
        func number(_ value: Int, _ byteCount: Int) -> [UInt8] {
            (0..<byteCount).map { UInt8(truncatingIfNeeded: value >> (8 * (byteCount - 1 - $0))) }
        }
        let map =
            number(0, 2) + number(1, 2) + number(3, 2) + number(10, 2) + number(12, 4) + number(12, 2) + number(0, 2)
            + number(28, 4) + number(0, 4) + number(1, 4) + number(0x2600, 4) + number(0x2601, 4) + number(5, 4)
        let image = number(0, 5) + number(png.count, 4) + png
        // Behind the version and the number of strikes: one strike, whose array has one index of glyphs 5 and 6.
        let places =
            number(0x30000, 4) + number(1, 4) + number(56, 4) + number(28, 4) + number(1, 4) + number(0, 36)
            + number(5, 2) + number(6, 2) + number(8, 4) + number(1, 2) + number(17, 2) + number(4, 4) + number(0, 4)
            + number(image.count, 4) + number(image.count, 4)
        let tables = [("CBDT", number(0x30000, 4) + image), ("CBLC", places), ("cmap", map)]
        var directory = number(0x10000, 4) + number(tables.count, 2) + number(0, 6)
        var offset = 12 + 16 * tables.count
        for (name, bytes) in tables {
            directory += Array(name.utf8) + number(0, 4) + number(offset, 4) + number(bytes.count, 4)
            offset += bytes.count
        }
        try temporary.write(
            directory + tables.flatMap(\.1),
            to: "packages/fonts-noto-color-emoji/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
    }
}
