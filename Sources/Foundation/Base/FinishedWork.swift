internal import Synchronization

/// What a process has committed for good: an error that follows must not look as if nothing had been done.
public enum FinishedWork {
    private static let notes = Mutex<[String]>([])

    /// - Parameter text: such as `nave points at sha256:…`.
    public static func note(_ text: String) { notes.withLock { $0.append(text) } }

    /// What to report beside an error; nil where nothing was finished.
    public static var summary: String? {
        let notes = notes.withLock { $0 }
        guard !notes.isEmpty else { return nil }
        let more = notes.count > 5 ? ", and \(notes.count - 5) more" : ""
        return
            "Committed before the error: \(notes.prefix(5).joined(separator: ", "))\(more). There is no need to run it again."
    }
}
