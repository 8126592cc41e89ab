internal import Base

/// The items of one side, and the captions that ask for them.
struct CaptionedSide {
    /// A caption with all items that have it.
    struct Query {
        let language: String
        let text: String
        var answers: [String]

        /// The same for equal texts.
        var id: String { "\(language)-\(ContentHash.of(Array(text.utf8)).hex)" }
    }

    enum Choice {
        case all
        /// Each item's first caption in a language.
        case first
        /// All but it.
        case more
    }

    let items: [CaptionedItem]

    /// In the order in which they first occur; a text that is some item's first caption is not among `more`.
    func queries(_ languages: [String], _ choice: Choice = .all) -> [Query] {
        var queries: [Query] = []
        var positions: [CaptionedItem.Caption: Int] = [:]
        let firsts =
            choice == .more
            ? Set(items.flatMap { item in languages.compactMap { item.captions(in: $0).first } }) : []
        for item in items {
            for language in languages {
                let captions = item.captions(in: language)
                let chosen =
                    switch choice {
                    case .all: captions[...]
                    case .first: captions.prefix(1)
                    case .more: captions.dropFirst()
                    }
                for text in chosen where !firsts.contains(text) {
                    let caption = CaptionedItem.Caption(language: language, text: text)
                    if let position = positions[caption] {
                        if queries[position].answers.last != item.id { queries[position].answers.append(item.id) }
                    } else {
                        positions[caption] = queries.count
                        queries.append(Query(language: language, text: text, answers: [item.id]))
                    }
                }
            }
        }
        return queries
    }
}
