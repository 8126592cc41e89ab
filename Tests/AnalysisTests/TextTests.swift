import Analysis
import Base
import Testing

@Suite struct TextTests {
    static func normalized(_ text: String) -> NormalizedText {
        var result = NormalizedText()
        Array(text.utf8).withUnsafeBytes { result.append($0) }
        return result
    }

    static func tokens(_ text: String) -> [String] {
        let result = normalized(text)
        return result.tokens.map { String(decoding: result.bytes[$0], as: UTF8.self) }
    }

    @Test(arguments: [
        ("", []), (" .,;\n", []), ("The KING's  \"Sword\"!", ["the", "king", "s", "sword"]),
        ("ÄPFEL und Öl—3½", ["äpfel", "und", "öl", "3½"]), ("灯と light", ["灯", "と", "light"]),
        ("東京tower", ["東", "京", "tower"]), ("ΣΊΣΥΦΟΣ", ["σίσυφοσ"]), ("a\u{301}b", ["a\u{301}b"]),
        ("สวัสดี", ["ส", "ว", "\u{E31}", "ส", "ด", "\u{E35}"]), ("x🙂y", ["x", "y"]),
    ])
    func tokensAreWordsOrCharacters(text: String, expected: [String]) {
        #expect(Self.tokens(text).map { Array($0.utf8) } == expected.map { Array($0.utf8) })
        #expect(Self.normalized(text).bytes == Array(expected.joined(separator: " ").utf8))
    }

    @Test func whatIsNoUTF8OnlySeparates() {
        var text = NormalizedText()
        ([0x61, 0xFF, 0x62, 0xE2, 0x82, 0x63, 0xC3] as [UInt8]).withUnsafeBytes { text.append($0) }
        #expect(text.bytes == Array("a b c".utf8))
    }

    @Test func partsDoNotJoin() {
        var text = NormalizedText()
        for part in ["Title", "text"] { Array(part.utf8).withUnsafeBytes { text.append($0) } }
        #expect(text.bytes == Array("title text".utf8))
    }

    static func shingles(_ text: String, _ unit: ShingleUnit = .tokens) -> [UInt64] {
        var set: [UInt64] = []
        Shingles.append(normalized(text), unit: unit, to: &set)
        Shingles.makeSet(&set)
        return set
    }

    @Test func shinglesAreFiveGrams() {
        #expect(Self.shingles("").isEmpty)
        #expect(Self.shingles("a b c").count == 1)
        #expect(Self.shingles("a b c d e").count == 1)
        #expect(Self.shingles("a b c d e f").count == 2)
        #expect(
            Self.shingles("a b c d e").first
                == Self.shingles("x a b c d e").first { Self.shingles("A, b c d e") == [$0] })
        #expect(Self.shingles("a a a a a a a a").count == 1)
        for (text, count) in [("ab", 1), ("abcd", 1), ("abcde", 1), ("abcdef", 2), ("äöüßéè", 2), ("a bc de", 3)] {
            #expect(Self.shingles(text, .characters).count == count, "\(text)")
        }
        #expect(Self.shingles("abcd", .characters) != Self.shingles("abcde", .characters))
    }

    @Test func jaccardIsThatOfSets() {
        var random = SplitMix64(seed: 4)
        for _ in 0..<200 {
            var left = (0..<random.next(below: 30)).map { _ in random.next(below: 40) }
            var right = (0..<random.next(below: 30)).map { _ in random.next(below: 40) }
            let union = Set(left).union(right).count
            let expected = union == 0 ? 0 : Double(Set(left).intersection(right).count) / Double(union)
            Shingles.makeSet(&left)
            Shingles.makeSet(&right)
            #expect(Shingles.jaccard(left, right) == expected)
        }
    }

    /// The share of equal positions estimates the similarity; its standard error over 40 pairs of 112 positions is below
    /// 0.008.
    @Test(arguments: [0.2, 0.5, 0.8, 0.95]) func signaturesEstimateSimilarity(similarity: Double) {
        let minHash = MinHash(seed: 7)
        var random = SplitMix64(seed: 8)
        var equal = 0
        let pairs = 40
        for _ in 0..<pairs {
            // s = common / (common + 2·own) with equal sets.
            let common = Int(400 * similarity)
            let own = Int((400 - Double(common)) / 2)
            let shared = (0..<common).map { _ in random.next() }
            var signatures: [[UInt32]] = []
            for _ in 0..<2 {
                var signature: [UInt32] = []
                minHash.signature(of: shared + (0..<own).map { _ in random.next() }, into: &signature)
                signatures.append(signature)
            }
            equal += zip(signatures[0], signatures[1]).filter { $0 == $1 }.count
        }
        #expect(abs(Double(equal) / Double(pairs * MinHash.hashCount) - similarity) < 0.03)
    }

    @Test(arguments: [(0, 1 << 20), (1, 1), (5000, 1 << 20), (5000, 1), (40_000, 1)])
    func sortingThroughFilesIsSorting(count: Int, memoryBytes: Int) throws {
        var random = SplitMix64(seed: 3)
        let values = (0..<count).map { _ in random.next(below: 10_000) }
        var sorter = ExternalSorter<UInt64>(memoryBytes: memoryBytes)
        for value in values { try sorter.append(value) }
        var sorted: [UInt64] = []
        try sorter.forEachSorted { sorted.append($0) }
        #expect(sorted == values.sorted())
    }
}
