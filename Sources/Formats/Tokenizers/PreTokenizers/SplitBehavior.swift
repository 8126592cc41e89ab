/// What becomes of what a pattern matches when text is split there.
enum SplitBehavior: String, Sendable {
    case removed = "Removed"
    case isolated = "Isolated"
    case mergedWithPrevious = "MergedWithPrevious"
    case mergedWithNext = "MergedWithNext"
    case contiguous = "Contiguous"
}

/// Turns matches and what lies between them into words.
///
/// Source: `NormalizedString::split` in `tokenizers/src/tokenizer/normalizer.rs` of huggingface/tokenizers 0.23.3.
struct Splitter: ~Copyable {
    private let behavior: SplitBehavior
    private let isInverted: Bool
    private let word: Word
    private var done: Int
    /// The stretch that is not a word yet, since what follows may still be joined to it.
    private var pending: (start: Int, end: Int)?
    private var previousWasMatch = false
    private var words: [Word]

    /// - Parameters:
    ///   - isInverted: whether matches and what lies between them change places.
    ///   - words: to which the parts of `word` are appended; returned by ``finish()``.
    init(_ word: Word, _ behavior: SplitBehavior, isInverted: Bool = false, appendingTo words: consuming [Word]) {
        self.word = word
        self.behavior = behavior
        self.isInverted = isInverted
        self.words = words
        done = word.start
    }

    /// Takes the next match, by its place in the whole text.
    @inline(__always)
    mutating func match(_ start: Int, _ end: Int) {
        if done < start { take(done, start, isMatch: isInverted) }
        if start < end { take(start, end, isMatch: !isInverted) }
        done = end
    }

    /// The words, after all matches.
    consuming func finish() -> [Word] {
        if done < word.end { take(done, word.end, isMatch: isInverted) }
        if let pending { put(pending.start, pending.end) }
        return words
    }

    @inline(__always)
    private mutating func put(_ start: Int, _ end: Int) {
        words.append(Word(start: start, end: end, isFirst: word.isFirst && start == word.start))
    }

    @inline(__always)
    private mutating func take(_ start: Int, _ end: Int, isMatch: Bool) {
        switch behavior {
        case .removed: if !isMatch { put(start, end) }
        case .isolated: put(start, end)
        case .contiguous: join(start, end, if: isMatch == previousWasMatch)
        case .mergedWithPrevious: join(start, end, if: isMatch && !previousWasMatch)
        case .mergedWithNext: join(start, end, if: !isMatch && previousWasMatch)
        }
        previousWasMatch = isMatch
    }

    /// Adds a stretch to the one before it, or begins a word with it.
    private mutating func join(_ start: Int, _ end: Int, if joins: Bool) {
        if let last = pending, joins {
            pending = (last.start, end)
        } else {
            if let last = pending { put(last.start, last.end) }
            pending = (start, end)
        }
    }
}
