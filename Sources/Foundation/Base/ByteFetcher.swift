/// Brings the bytes of a file that is only partly there.
///
/// May be called from any thread. See ``MappedFile/ensure(_:)``.
public protocol ByteFetcher: AnyObject, Sendable {
    /// Returns once the bytes are in the file. Quick where they are there already.
    func ensure(_ range: Range<Int>) throws
    /// Gets the bytes from their origin again, because what came before was wrong.
    func fetchAgain(_ range: Range<Int>) throws
}
