internal import Base
internal import CProcess
internal import Glibc
internal import SystemPackage

/// A sibling tool, run to its end.
struct ToolProcess {
    /// Lies beside our own executable.
    let tool: String
    let arguments: [String]
    /// Where it works.
    let folder: FilePath
    /// What becomes its standard output.
    var outputDescriptor = STDOUT_FILENO

    /// - Returns: the exit status.
    /// - Throws: `Failure` where the tool cannot be started, was killed, or a signal has arrived: the tool gets it too,
    ///   and ends first.
    func run() throws -> Int32 {
        let path = Files.executable().removingLastComponent().appending(tool)
        guard access(path.string, X_OK) == 0 else {
            throw Failure(
                .missingInput, "\(tool) is not beside this program: \(path)", advice: "`make build` builds all tools.")
        }
        var pointers = ([tool] + arguments).map { strdup($0) }
        pointers.append(nil)
        defer { for pointer in pointers { free(pointer) } }
        let process = tvt_process_start(path.string, pointers, folder.string, outputDescriptor)
        guard process > 0 else { throw SystemError.last("start", path) }
        var status: Int32 = 0
        var forwarded = 0
        var firstForwarded = 0.0
        var pauseMicroseconds: UInt32 = 500
        // A wait that blocks would go on after a signal, since handlers restart system calls.
        while true {
            let ended = waitpid(process, &status, WNOHANG)
            if ended == process { break }
            guard ended == 0 || errno == EINTR else { throw SystemError.last("wait for", path) }
            // A second signal ends a tool at once, wherever it is; then a third kind does.
            if Interruption.isRequested, forwarded < 3, Clock.seconds() - firstForwarded >= 1.5 * Double(forwarded) {
                if forwarded == 0 { firstForwarded = Clock.seconds() }
                kill(process, forwarded < 2 ? SIGTERM : SIGKILL)
                forwarded += 1
            }
            usleep(pauseMicroseconds)
            pauseMicroseconds = min(20_000, pauseMicroseconds * 2)
        }
        try Interruption.check()
        let signal = status & 0x7F
        // It shares our standard output.
        if signal == SIGPIPE { throw OutputClosed() }
        guard signal == 0 else {
            throw Failure(
                .io, "\(tool) was ended by signal \(signal)",
                advice: "Was there too little memory? Run the same command again: what is done is kept.")
        }
        return status >> 8 & 0xFF
    }
}
