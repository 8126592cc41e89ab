package import HTTP

/// How to talk to servers.
package struct TransferOptions: Sendable {
    package var retries = RetryPolicy()
    package var client = HTTPClient.Options()
    /// Address of an S3-compatible server; nil for what the environment says, else Amazon's.
    package var endpoint: String?

    package init() {}
}
