internal import Base
internal import SystemPackage

/// Single words of WordNet, and their inflections: enough to tell words of names from people's names and other languages.
///
/// Source: WordNet 3.0, morphy(7), rules of detachment.
struct EnglishWords {
    private var nouns: Set<String> = []
    private var others: Set<String> = []
    private var exceptions: Set<String> = []

    init(wordNet folder: FilePath) throws {
        nouns = try Self.words(folder.appending("index.noun"))
        for name in ["index.verb", "index.adj", "index.adv"] {
            others.formUnion(try Self.words(folder.appending(name)))
        }
        for name in ["noun.exc", "verb.exc", "adj.exc"] {
            exceptions.formUnion(try Self.words(folder.appending(name)))
        }
    }

    private static func words(_ path: FilePath) throws -> Set<String> {
        // Lines of the licence begin with a space.
        Set(
            try Files.readText(path).split(separator: "\n").compactMap { line in
                guard let first = line.first, first != " ", let word = line.split(separator: " ").first,
                    !word.contains("_")
                else { return nil }
                return String(word)
            })
    }

    func isNoun(_ word: String) -> Bool {
        nouns.contains(word) || Self.bases(of: word, Self.nounEndings).contains { nouns.contains($0) }
    }

    func contains(_ word: String) -> Bool {
        Self.functionWords.contains(word) || isNoun(word) || others.contains(word) || exceptions.contains(word)
            || Self.bases(of: word, Self.verbEndings).contains { others.contains($0) }
    }

    private static func bases(of word: String, _ endings: [(String, String)]) -> [String] {
        endings.compactMap { ending, base in
            guard word.hasSuffix(ending), word.count > ending.count + 1 else { return nil }
            return String(word.dropLast(ending.count)) + base
        }
    }

    private static let nounEndings = [
        ("s", ""), ("ses", "s"), ("xes", "x"), ("zes", "z"), ("ches", "ch"), ("shes", "sh"), ("men", "man"),
        ("ies", "y"),
    ]
    private static let verbEndings = [
        ("s", ""), ("ies", "y"), ("es", "e"), ("es", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", ""),
    ]
    static let functionWords: Set<String> = [
        "a", "an", "and", "at", "by", "for", "from", "in", "into", "is", "of", "on", "or", "over", "the", "to", "under",
        "with", "without",
    ]
}
