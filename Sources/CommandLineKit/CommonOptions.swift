public import ArgumentParser
internal import Base
internal import Glibc
internal import Logging
public import SystemPackage

/// Options that every tool has.
public struct CommonOptions: ParsableArguments {
    @Flag(name: .long, help: "Print the result on stdout as JSON, for programs.")
    public var json = false

    @Flag(name: .long, help: "No progress on stderr; it is off anyway where stderr is not a terminal.")
    public var quiet = false

    @Option(
        name: .customLong("log-level"),
        help: ArgumentHelp(
            "How much is logged on stderr: trace, debug, info, notice, warning or error.", valueName: "level"))
    public var logLevel = "notice"

    public init() {}

    public mutating func validate() throws {
        guard let level = Logger.Level(rawValue: logLevel) else {
            throw ValidationError("'\(logLevel)' is not a log level: trace, debug, info, notice, warning or error")
        }
        setLogLevel(level)
        if quiet { ProgressStyle.current = .quiet }
    }
}

/// Where the store is.
public struct StoreOption: ParsableArguments {
    @Option(
        name: .long, help: ArgumentHelp("The store's folder (default: $TVT_STORE, else ./store).", valueName: "dir"))
    public var store: String?

    public init() {}

    public var path: FilePath {
        if let store { return FilePath(store) }
        if let fromEnvironment = getenv("TVT_STORE"), fromEnvironment.pointee != 0 {
            return FilePath(String(cString: fromEnvironment))
        }
        return "store"
    }
}
