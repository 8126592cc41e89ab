internal import Base

/// Why a request gets no answer: for people, with the status of HTTP.
struct BrowseError: Error {
    let status: Int
    let message: String

    init(_ status: Int, _ message: String) {
        self.status = status
        self.message = message
    }

    /// What the store throws, as an answer. Damage is the server's fault, not that of who asked.
    init(_ error: any Error) {
        switch error {
        case let error as BrowseError: self = error
        case let error as any StatusError:
            self.init(error.exitStatus == .missingInput ? 404 : 500, error.description)
        default: self.init(500, "\(error)")
        }
    }
}
