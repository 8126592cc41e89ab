public import Logging

/// Where every room reports what a user should know but did not ask for: repairs, skips, fallbacks. Goes to stderr.
///
/// The level is set once by the tool, before any work starts.
nonisolated(unsafe) public private(set) var log: Logger = {
    var logger = Logger(label: "tvt") { _ in PlainLogHandler() }
    logger.logLevel = .notice
    return logger
}()

/// Sets the level of ``log``. Call it from the tool's start, before other threads exist.
public func setLogLevel(_ level: Logger.Level) { log.logLevel = level }

/// `warning: message` on stderr: what a person at a terminal wants, without dates and labels.
private struct PlainLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .notice

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        writeToStandardError("\(event.level == .notice ? "note" : event.level.rawValue): \(event.message)\n")
    }
}
