internal import Base
internal import Glibc
public import SystemPackage

/// A sibling tool, run to its end.
public struct ToolProcess {
    /// Lies beside our own executable.
    public let tool: String
    public let arguments: [String]
    /// Where it works.
    public let folder: FilePath
    /// What becomes its standard output.
    public var outputDescriptor = STDOUT_FILENO

    public init(tool: String, arguments: [String], folder: FilePath = ".") {
        (self.tool, self.arguments, self.folder) = (tool, arguments, folder)
    }

    /// - Returns: the exit status.
    /// - Throws: `Failure` where the tool cannot be started, was killed, or a signal has arrived: the tool gets it too,
    ///   and ends first.
    public func run() throws -> Int32 {
        let path = Files.executable().removingLastComponent().appending(tool)
        guard access(path.string, X_OK) == 0 else {
            throw Failure(
                .missingInput, "\(tool) is not beside this program: \(path)", advice: "`make build` builds all tools.")
        }
        // Where a launcher has started several of us, each does the whole of its work.
        ProcessPlace.forget()
        var process = ChildProcess(path, arguments)
        process.folder = folder
        process.outputDescriptor = outputDescriptor
        switch try process.run() {
        case .exited(let status): return status
        // It shares our standard output.
        case .signalled(SIGPIPE): throw OutputClosed()
        case .signalled(let signal):
            throw Failure(
                .io, "\(tool) was ended by signal \(signal)",
                advice: "Was there too little memory? Run the same command again: what is done is kept.")
        case .timedOut: throw Failure(.bug, "\(tool) has no time limit")
        }
    }
}
