internal import RegularExpressions

/// One step of how normalised text is split into words.
///
/// Source: `tokenizers/src/pre_tokenizers` of huggingface/tokenizers 0.23.3.
enum PreTokenizer: Sendable {
    /// Words are separated by white space; a punctuation character is a word of its own.
    case bert
    /// Splits as GPT-2 does, if it splits at all. That bytes then become printable characters is left out where the
    /// model reads bytes, see ``BytePairEncoding/readsBytes``.
    case byteLevel(addsSpace: Bool, splits: Bool, mapsBytes: Bool)
    case split(Pattern, SplitBehavior, isInverted: Bool)
    case metaspace(Metaspace)
    case whitespace
    case whitespaceSplit
    case digits(areSingle: Bool)
    case punctuation(SplitBehavior)
    case delimiter(UInt32)
    case scripts
    case fixedLength(Int)

    /// Replaces the words of `workspace` by those that they are split into, and its text where this step changes it.
    ///
    /// - Throws: if a search for an expression is given up.
    func apply(_ workspace: Workspace) throws(RegularExpressionError) {
        let expressions = ExpressionClasses.shared
        switch self {
        case .bert:
            splitAtScalars(workspace, .removed) { ScalarClasses.shared[$0].contains(.whitespace) }
            splitAtScalars(workspace, .isolated) { ScalarClasses.shared[$0].contains(.punctuation) }
        case .byteLevel(let addsSpace, let splits, let mapsBytes):
            if addsSpace { Self.prefix(workspace, [0x20]) { _ in true } }
            if splits { try Self.split(workspace, .scanner(.gpt2), .isolated, isInverted: false) }
            if mapsBytes { Self.mapBytes(workspace) }
        case .split(let pattern, let behavior, let isInverted):
            try Self.split(workspace, pattern, behavior, isInverted: isInverted)
        case .metaspace(let metaspace): try metaspace.apply(workspace)
        case .whitespace: keepMatches(workspace, Self.wordsAndSymbols)
        case .whitespaceSplit:
            splitAtScalars(workspace, .removed) { ScalarClasses.shared[$0].contains(.whitespace) }
        case .digits(let areSingle):
            splitAtScalars(workspace, areSingle ? .isolated : .contiguous) { expressions[$0].contains(.digit) }
        case .punctuation(let behavior):
            splitAtScalars(workspace, behavior) { ScalarClasses.shared[$0].contains(.punctuation) }
        case .delimiter(let delimiter): splitAtScalars(workspace, .removed) { $0 == delimiter }
        case .scripts: keepMatches(workspace, Self.scripts)
        case .fixedLength(let length): keepMatches(workspace) { Self.chunks($0, $1, length, &$2) }
        }
    }

    // MARK: - Splits

    static func split(
        _ workspace: Workspace, _ pattern: Pattern, _ behavior: SplitBehavior, isInverted: Bool
    ) throws(RegularExpressionError) {
        workspace.spareWords.removeAll(keepingCapacity: true)
        for word in workspace.words {
            var splitter = Splitter(
                word, behavior, isInverted: isInverted, appendingTo: workspace.takeSpareWords())
            let text = UnsafeBufferPointer(start: workspace.text.base + word.start, count: word.end - word.start)
            do throws(RegularExpressionError) {
                try pattern.forEachMatch(text) { splitter.match(word.start + $0, word.start + $1) }
            } catch {
                workspace.spareWords = splitter.finish()
                throw error
            }
            workspace.spareWords = splitter.finish()
        }
        workspace.swapWords()
    }

    /// Splits at each scalar of which `isMatch` is true; each is a match of its own.
    private func splitAtScalars(_ workspace: Workspace, _ behavior: SplitBehavior, _ isMatch: (UInt32) -> Bool) {
        split(workspace, behavior, isInverted: false) { text, word, splitter in
            var position = word.start
            while position < word.end {
                let start = position
                if isMatch(nextScalar(text, &position)) { splitter.match(start, position) }
            }
        }
    }

    /// Keeps what `findMatches` finds and drops what lies between.
    private func keepMatches(
        _ workspace: Workspace, _ findMatches: (UnsafePointer<UInt8>, Word, inout Splitter) -> Void
    ) {
        split(workspace, .removed, isInverted: true, findMatches)
    }

    private func split(
        _ workspace: Workspace, _ behavior: SplitBehavior, isInverted: Bool,
        _ findMatches: (UnsafePointer<UInt8>, Word, inout Splitter) -> Void
    ) {
        workspace.spareWords.removeAll(keepingCapacity: true)
        for word in workspace.words {
            var splitter = Splitter(
                word, behavior, isInverted: isInverted, appendingTo: workspace.takeSpareWords())
            findMatches(workspace.text.base, word, &splitter)
            workspace.spareWords = splitter.finish()
        }
        workspace.swapWords()
    }

    /// `\w+|[^\w\s]+`.
    private static func wordsAndSymbols(_ text: UnsafePointer<UInt8>, _ word: Word, _ splitter: inout Splitter) {
        /// Letters and so on, white space, or anything else.
        func kind(_ scalar: UInt32) -> Int {
            if ExpressionClasses.shared[scalar].contains(.word) { return 1 }
            return ScalarClasses.shared[scalar].contains(.whitespace) ? 0 : 2
        }
        var position = word.start
        while position < word.end {
            let start = position
            let first = kind(nextScalar(text, &position))
            while position < word.end {
                var next = position
                guard kind(nextScalar(text, &next)) == first else { break }
                position = next
            }
            if first != 0 { splitter.match(start, position) }
        }
    }

    /// Stretches of one script. As in the reference, scalars that go with any script are dropped at the start.
    private static func scripts(_ text: UnsafePointer<UInt8>, _ word: Word, _ splitter: inout Splitter) {
        var start: Int?
        var last: UInt8 = 0
        var position = word.start
        while position < word.end {
            let before = position
            let script = UnicodeScripts.shared[nextScalar(text, &position)]
            guard script != 0 else { continue }
            if script != last {
                if let start { splitter.match(start, before) }
                start = before
            }
            last = script
        }
        if let start { splitter.match(start, word.end) }
    }

    private static func chunks(
        _ text: UnsafePointer<UInt8>, _ word: Word, _ length: Int, _ splitter: inout Splitter
    ) {
        var position = word.start
        while position < word.end {
            let start = position
            var scalars = 0
            while position < word.end && scalars < length {
                _ = nextScalar(text, &position)
                scalars += 1
            }
            splitter.match(start, position)
        }
    }

    // MARK: - Changes of the text

    /// Puts `prefix` before each word that does not begin with it, if `isWanted`.
    static func prefix(_ workspace: Workspace, _ prefix: [UInt8], _ isWanted: (Word) -> Bool) {
        rewrite(workspace) { word, text, output in
            let bytes = UnsafeBufferPointer(rebasing: text[word.start..<word.end])
            if isWanted(word) && !bytes.starts(with: prefix) { output.append(prefix) }
            output.append(bytes)
        }
    }

    private static func mapBytes(_ workspace: Workspace) {
        rewrite(workspace) { word, text, output in
            for byte in text[word.start..<word.end] { output.append(scalar: ByteAlphabet.scalar(byte)) }
        }
    }

    /// Writes every word anew; `write` appends to the text that takes the place of the present one.
    static func rewrite(
        _ workspace: Workspace, _ write: (Word, UnsafeBufferPointer<UInt8>, inout TextBuffer) -> Void
    ) {
        workspace.spare.removeAll()
        for index in workspace.words.indices {
            let start = workspace.spare.count
            write(workspace.words[index], workspace.text.bytes, &workspace.spare)
            workspace.words[index].start = start
            workspace.words[index].end = workspace.spare.count
        }
        workspace.swapText()
    }
}

extension PreTokenizer {
    /// Calls `body` with the start and the end of each word of `text[range]`, which must be valid UTF-8, as ``bert`` splits
    /// it: the way of texts that need no workspace.
    @inline(__always)
    static func forEachBertWord(_ text: UnsafePointer<UInt8>, _ range: Range<Int>, _ body: (Int, Int) -> Void) {
        let classes = ScalarClasses.shared.table
        let whitespace = ScalarClass.whitespace.rawValue
        let separators = whitespace | ScalarClass.punctuation.rawValue
        var wordStart = range.lowerBound
        var position = range.lowerBound
        while position < range.upperBound {
            let start = position
            let kind = classes[Int(nextScalar(text, &position))]
            if kind & separators == 0 { continue }
            if wordStart < start { body(wordStart, start) }
            if kind & whitespace == 0 { body(start, position) }
            wordStart = position
        }
        if wordStart < range.upperBound { body(wordStart, range.upperBound) }
    }
}

/// Spaces as a visible character, SentencePiece's way.
struct Metaspace: Sendable {
    /// Which words get the character in front, if they do not begin with it.
    enum Prepending: String, Sendable {
        case never, always
        /// The word that begins where the text does.
        case first
    }

    /// UTF-8 of one scalar.
    var replacement: [UInt8]
    var prepending: Prepending
    var splits: Bool

    func apply(_ workspace: Workspace) throws(RegularExpressionError) {
        PreTokenizer.rewrite(workspace) { word, text, output in
            let bytes = text[word.start..<word.end]
            let begins = bytes.first == 0x20 || bytes.starts(with: replacement)
            if !begins && (prepending == .always || (prepending == .first && word.isFirst)) {
                output.append(replacement)
            }
            for byte in bytes {
                if byte == 0x20 { output.append(replacement) } else { output.append(byte) }
            }
        }
        if splits {
            try PreTokenizer.split(workspace, .literal(replacement), .mergedWithNext, isInverted: false)
        }
    }
}

/// The script of every scalar, numbered; 0 for those that go with any script.
///
/// `@unchecked Sendable`: the memory behind the pointer is written in `init` only, and never freed.
private final class UnicodeScripts: @unchecked Sendable {
    static let shared = UnicodeScripts()

    private let table: UnsafePointer<UInt8>

    private init() {
        let table = zeroed(UInt8.self, 0x110000)
        let rows = UnicodeRanges.scripts
        for index in stride(from: 0, to: rows.count, by: 3) {
            for scalar in rows[index]...rows[index + 1] { table[Int(scalar)] = UInt8(rows[index + 2]) }
        }
        self.table = UnsafePointer(table)
    }

    subscript(_ scalar: UInt32) -> UInt8 { table[Int(scalar)] }
}
