internal import Base
internal import CProcess
internal import Glibc
public import SystemPackage

/// A program, run to its end, with an empty standard input.
public struct ChildProcess {
    public enum Ending: Equatable, Sendable {
        case exited(Int32)
        case signalled(Int32)
        /// It was killed after ``seconds``.
        case timedOut
    }

    public let path: FilePath
    /// Without the name of the program.
    public let arguments: [String]
    /// Where it works.
    public var folder: FilePath = "."
    /// What become its standard output and its standard error.
    public var outputDescriptor = STDOUT_FILENO
    public var errorDescriptor = STDERR_FILENO
    /// Bytes of address space, 0 for any number.
    public var memoryLimit = 0
    /// How long it may run; nil for ever.
    public var seconds: Double?

    public init(_ path: FilePath, _ arguments: [String]) {
        (self.path, self.arguments) = (path, arguments)
    }

    /// The program of a name in one of the folders of `$PATH`.
    public static func find(_ name: String) -> FilePath? {
        guard let folders = getenv("PATH").map({ String(cString: $0) }) else { return nil }
        return folders.split(separator: ":").map { FilePath(String($0)).appending(name) }
            .first { access($0.string, X_OK) == 0 && !Files.isDirectory($0) }
    }

    /// - Throws: `SystemError` where it cannot be started; `Failure` with status 130 where a signal has arrived: the program
    ///   gets it too, and ends first.
    public func run() throws -> Ending {
        var pointers = ([path.lastComponent?.string ?? path.string] + arguments).map { strdup($0) }
        pointers.append(nil)
        defer { for pointer in pointers { free(pointer) } }
        let process = tvt_process_start(
            path.string, pointers, folder.string, outputDescriptor, errorDescriptor, Int64(memoryLimit))
        guard process > 0 else { throw SystemError.last("start", path) }
        let end = seconds.map { Clock.seconds() + $0 }
        var status: Int32 = 0
        var (forwarded, firstForwarded, hasTimedOut) = (0, 0.0, false)
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
            if let end, !hasTimedOut, Clock.seconds() > end {
                // It may not listen to anything milder; its process group is its own.
                kill(-process, SIGKILL)
                hasTimedOut = true
            }
            usleep(pauseMicroseconds)
            pauseMicroseconds = min(20_000, pauseMicroseconds * 2)
        }
        try Interruption.check()
        if hasTimedOut { return .timedOut }
        let signal = status & 0x7F
        return signal == 0 ? .exited(status >> 8 & 0xFF) : .signalled(signal)
    }
}
