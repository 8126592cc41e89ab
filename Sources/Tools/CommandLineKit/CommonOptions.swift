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

/// How records are stored, for tools that write them.
public struct StorageOptions: ParsableArguments {
    @Flag(
        name: .long,
        help: "Shards without a dictionary, which zstd -dc prints without being given one; they take more space.")
    public var portable = false

    @Option(
        name: .customLong("frame-bytes"), in: NumberRange(1...(1 << 26)),
        help: ArgumentHelp(
            "Bytes of records that are compressed together (default: 2048). More takes less space, and more time to "
                + "read one record.", valueName: "n"))
    public var frameBytes: Int?

    public init() {}
}

/// Where the store is.
public struct StoreOption: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "The store's folder, or the address of one to read: https://…, s3://… (default: $TVT_STORE, else ./store).",
            valueName: "dir"))
    public var store: String?

    public init() {}

    /// A path, or an address such as `https://host/store`.
    public var location: String {
        if let store { return store }
        if let fromEnvironment = getenv("TVT_STORE"), fromEnvironment.pointee != 0 {
            return String(cString: fromEnvironment)
        }
        return "store"
    }

    /// The store's folder, for programs that take nothing else.
    public var path: FilePath { FilePath(location) }

    /// The store's folder, for tools that write.
    ///
    /// - Throws: `Failure` with status 73 for an address.
    public func folder() throws -> FilePath {
        if location.hasPrefix("file://") { return FilePath(String(location.dropFirst("file://".count))) }
        guard !location.contains("://") else {
            throw Failure(
                .cannotCreate, "\(location) can only be read",
                advice: "Name a folder with --store; `tvt-store push` copies from there to a remote.")
        }
        return FilePath(location)
    }
}
