package import Base

/// What a push or a pull did.
package struct TransferReport: Sendable {
    package struct Moved: Sendable {
        package let name: String
        package let digest: SHA256Digest
        /// What the name pointed at before; nil for a new name.
        package let before: SHA256Digest?
    }

    package var remote: String
    package var references: [Moved] = []
    /// All blobs of the versions, and how many of them had to be moved.
    package var blobCount = 0
    package var movedCount = 0
    package var byteCount = 0
    package var movedBytes = 0
    /// Of `movedBytes`, those that an interrupted run had fetched.
    package var resumedBytes = 0
    package var retryCount = 0
    package var seconds = 0.0
    package var isDryRun = false
    /// The answer to the change of references got lost; reading them back showed that it had been made.
    package var wasConfirmedByReading = false
}
