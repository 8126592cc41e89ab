public import ArgumentParser

/// What becomes of a name that exists, for commands that give names to versions.
public struct NamingOptions: ParsableArguments {
    @Flag(
        name: .customLong("new"),
        help: ArgumentHelp(
            "Fail with status 73 if the name exists. Without it the name is moved, and stderr reports the old "
                + "version."))
    public var isNew = false

    public init() {}
}
