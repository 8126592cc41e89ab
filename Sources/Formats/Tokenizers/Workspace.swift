internal import Synchronization

/// The memory that encoding one text works in: buffers between the stages, and what words became before.
///
/// `@unchecked Sendable`: belongs to one thread at a time, see ``WorkspacePool``.
final class Workspace: @unchecked Sendable {
    /// Text as the stages of normalisation and of pre-tokenisation leave it; each reads one and writes the other.
    var text = TextBuffer()
    var spare = TextBuffer()
    /// Words of ``text``, and the list that the next stage writes.
    var words: [Word] = []
    var spareWords: [Word] = []
    var symbols = SymbolList()
    var lattice = Lattice()
    var cache = WordCache()

    func swapText() { swap(&text, &spare) }
    func swapWords() { swap(&words, &spareWords) }

    /// ``spareWords`` itself, not a copy of it; the caller puts it back.
    func takeSpareWords() -> [Word] {
        var taken: [Word] = []
        swap(&taken, &spareWords)
        return taken
    }
}

/// A stretch of text that is tokenised by itself.
struct Word {
    var start: Int
    var end: Int
    /// Whether the word begins where the text that was given begins; ``PreTokenizer/metaspace`` asks.
    var isFirst = false

    var isEmpty: Bool { start == end }
}

/// Workspaces that are not in use: as many as threads have encoded at once.
final class WorkspacePool: Sendable {
    private let free = Mutex<[Workspace]>([])

    func take() -> Workspace { free.withLock { $0.popLast() } ?? Workspace() }

    func give(_ workspace: Workspace) { free.withLock { $0.append(workspace) } }
}
