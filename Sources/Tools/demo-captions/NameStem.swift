/// What is left of a file's name without what tells variants of one drawing apart: numbers, colours, sizes, manners.
struct NameStem {
    let text: String

    init(_ path: String) {
        let name = path.split(separator: "/").last ?? ""
        let words = name.lowercased().split { !$0.isLetter }.filter { !Self.manners.contains(String($0)) }
        text = words.isEmpty ? name.lowercased() : words.joined(separator: " ")
    }

    private static let manners: Set<String> = [
        "black", "white", "red", "green", "blue", "yellow", "orange", "purple", "pink", "brown", "gray", "grey", "gold",
        "silver", "small", "big", "large", "little", "left", "right", "up", "down", "simple", "bw", "color", "colour",
        "outline", "lineart", "mirror", "flip", "a", "b", "c", "d", "r", "l", "the", "an", "another", "alt",
    ]
}
