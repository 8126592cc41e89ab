/// Told of each step of a commit once it is done, so that a test can look at the disk as a kill would leave it there.
package typealias CommitObserver = @Sendable (String) -> Void
