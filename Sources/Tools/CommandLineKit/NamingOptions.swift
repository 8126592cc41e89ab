public import ArgumentParser

/// What becomes of a name that exists, for commands that give names to versions.
public struct NamingOptions: ParsableArguments {
    @Flag(
        name: .customLong("new"),
        help: "Refuse a name that exists (73). Without it the name is moved, and stderr tells what it named.")
    public var isNew = false

    public init() {}
}
