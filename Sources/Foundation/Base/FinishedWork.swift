internal import Synchronization

/// What a process has finished for good: an error that follows must not look as if nothing had been done.
public enum FinishedWork {
    private static let notes = Mutex<[String]>([])

    /// - Parameter text: such as `nave names sha256:…`.
    public static func note(_ text: String) { notes.withLock { $0.append(text) } }

    /// What to tell beside an error; nil where nothing was finished.
    public static var summary: String? {
        let notes = notes.withLock { $0 }
        guard !notes.isEmpty else { return nil }
        let more = notes.count > 5 ? ", and \(notes.count - 5) more" : ""
        return "Committed before that, and not to be done again: \(notes.prefix(5).joined(separator: ", "))\(more)."
    }
}
