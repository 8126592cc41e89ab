package import Base
package import JSON

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

extension TransferReport {
    package var json: JSONValue {
        [
            "remote": .string(remote), "dry_run": JSONValue(isDryRun),
            "references": .array(
                references.map { moved in
                    [
                        "name": .string(moved.name), "digest": .string(moved.digest.description),
                        "before": moved.before.map { .string($0.description) } ?? .null,
                    ]
                }),
            "blobs": JSONValue(blobCount), "bytes": JSONValue(byteCount), "moved_blobs": JSONValue(movedCount),
            "moved_bytes": JSONValue(movedBytes), "resumed_bytes": JSONValue(resumedBytes),
            "retries": JSONValue(retryCount), "confirmed_by_reading": JSONValue(wasConfirmedByReading),
            "seconds": JSONValue(seconds),
        ]
    }

    /// For people.
    ///
    /// - Parameter verb: what was done with the blobs: `sent` or `fetched`.
    package func summary(verb: String) -> String {
        var text = ""
        for moved in references {
            let state =
                switch moved.before {
                case nil: isDryRun ? "would be new" : "new"
                case moved.digest: "unchanged"
                case let before?: (isDryRun ? "would move" : "moved") + " from \(before)"
                }
            text += "\(moved.name) \(moved.digest), \(state)\n"
        }
        text += "\(movedCount) of \(blobCount) blobs, \(byteSize(movedBytes)) of \(byteSize(byteCount)) "
        text += "\(isDryRun ? "to be " : "")\(verb)"
        if resumedBytes > 0 { text += ", \(byteSize(resumedBytes)) of them by an earlier run" }
        if retryCount > 0 { text += ", \(grouped(retryCount)) retries" }
        return text + "; \(duration(seconds))\n"
    }
}
