internal import Base
internal import CProcess
internal import Glibc
internal import SystemPackage

/// Copies of this program on this machine that work as one, for which this process waits.
///
/// The first one writes to our standard output and standard error. What the others write to standard error is shown only
/// where one of them is the first to fail, and the first of all ends otherwise.
public struct LocalProcesses {
    private let count: Int
    private let arguments: [String]
    private let resuming: String
    private let patienceSeconds: Double?

    /// How long the others have, after one has ended too early, to say so themselves.
    private static let graceSeconds = 10.0
    /// How long copies have after a signal: a checkpoint may be written, and only then do they end.
    private static let interruptionSeconds = 300.0
    /// After a signal, when it is said who is waited for.
    private static let noticeSeconds = 10.0

    /// - Parameters:
    ///   - option: which of this process's arguments asked for them, as `--processes`; the copies get all but that one.
    ///   - resuming: what goes on where a copy was killed, for the message.
    ///   - patienceSeconds: how long after one has ended too early the others get SIGTERM, for work that ends in order at any
    ///     time; nil for work that notices by itself.
    public init(count: Int, option: String, resuming: String, patienceSeconds: Double? = nil) {
        precondition(count > 1, "several processes")
        (self.count, self.resuming, self.patienceSeconds) = (count, resuming, patienceSeconds)
        arguments = Self.arguments(CommandLine.arguments.dropFirst(), without: option)
    }

    package static func arguments(_ arguments: ArraySlice<String>, without option: String) -> [String] {
        var kept: [String] = []
        var isValue = false
        for argument in arguments {
            if argument == option {
                isValue = true
            } else if !isValue, !argument.hasPrefix(option + "=") {
                kept.append(argument)
            } else {
                isValue = false
            }
        }
        return kept
    }

    private struct Copy {
        let process: pid_t
        /// What it has written to its standard error; nil for the first, which writes to ours.
        let errors: ScratchFile?
        var status: Int32?
    }

    /// Runs all copies to their end.
    ///
    /// - Returns: the status of the first that failed, 0 where none did.
    /// - Throws: `Failure` where a copy was killed by a signal, which names it; `SystemError` where one cannot be started.
    public func run() throws -> Int32 {
        // Longer than the copies have, so that it can be said who had to be ended.
        Interruption.allowGrace(seconds: UInt32(Self.interruptionSeconds + Self.graceSeconds))
        let port = try Self.freePort()
        var copies: [Copy] = []
        defer {
            for copy in copies where copy.status == nil {
                kill(copy.process, SIGKILL)
                waitpid(copy.process, nil, 0)
            }
        }
        setenv("MASTER_ADDR", "127.0.0.1", 1)
        // One for all copies, and another than an earlier start's, since ports are used again.
        setenv("TORCHELASTIC_RUN_ID", "\(getpid())-\(Clock.seconds())", 1)
        for rank in 0..<count {
            for (name, value) in [
                ("RANK", rank), ("LOCAL_RANK", rank), ("WORLD_SIZE", count), ("LOCAL_WORLD_SIZE", count),
                ("MASTER_PORT", Int(port)),
            ] { setenv(name, String(value), 1) }
            copies.append(try start(rank))
        }
        return try wait(for: &copies)
    }

    private func start(_ rank: Int) throws -> Copy {
        let path = Files.executable()
        let errors = rank == 0 ? nil : try ScratchFile()
        let output = rank == 0 ? STDOUT_FILENO : open("/dev/null", O_WRONLY | O_CLOEXEC)
        guard output >= 0 else { throw SystemError.last("open", "/dev/null") }
        defer { if rank != 0 { close(output) } }
        var pointers = ([path.string] + arguments).map { strdup($0) }
        pointers.append(nil)
        defer { for pointer in pointers { free(pointer) } }
        let process = tvt_process_start(path.string, pointers, ".", output, errors?.descriptor ?? STDERR_FILENO, 0)
        guard process > 0 else { throw SystemError.last("start", path) }
        return Copy(process: process, errors: errors)
    }

    private func wait(for copies: inout [Copy]) throws -> Int32 {
        var firstFailure: (rank: Int, status: Int32, seconds: Double)?
        var (isAsked, isKilled, isNoticed) = (false, false, false)
        var forwardedSeconds: Double?
        var late: [Int] = []
        while copies.contains(where: { $0.status == nil }) {
            for rank in copies.indices where copies[rank].status == nil {
                var status: Int32 = 0
                guard waitpid(copies[rank].process, &status, WNOHANG) == copies[rank].process else { continue }
                copies[rank].status = status
                if status != 0, firstFailure == nil { firstFailure = (rank, status, Clock.seconds()) }
            }
            func signalAll(_ signal: Int32) {
                for copy in copies where copy.status == nil { kill(copy.process, signal) }
            }
            if Interruption.isRequested, forwardedSeconds == nil {
                signalAll(SIGTERM)
                forwardedSeconds = Clock.seconds()
            }
            if let forwardedSeconds {
                let seconds = Clock.seconds() - forwardedSeconds
                let running = copies.indices.filter { copies[$0].status == nil }
                if seconds > Self.noticeSeconds, !isNoticed, !running.isEmpty {
                    isNoticed = true
                    writeToStandardError(
                        "note: waiting for \(names(running)) to end, for at most \(Int(Self.interruptionSeconds)) s after the "
                            + "signal; another one ends all at once\n")
                }
                if seconds > Self.interruptionSeconds, late.isEmpty {
                    late = running
                    signalAll(SIGKILL)
                }
            }
            let isForwarded = forwardedSeconds != nil
            if let firstFailure, let patienceSeconds, !isAsked, !isForwarded,
                Clock.seconds() - firstFailure.seconds > patienceSeconds
            {
                signalAll(SIGTERM)
                isAsked = true
            }
            if let firstFailure, !isKilled, !isForwarded, Clock.seconds() - firstFailure.seconds > Self.graceSeconds {
                signalAll(SIGKILL)
                isKilled = true
            }
            usleep(20_000)
        }
        guard late.isEmpty else {
            throw Failure(
                .interrupted,
                "\(names(late)) did not end within \(Int(Self.interruptionSeconds)) s of the signal; ended by force",
                advice: resuming)
        }
        // The first one says what was kept.
        if forwardedSeconds != nil { return copies[0].status! & 0x7F == 0 ? copies[0].status! >> 8 & 0xFF : 130 }
        guard let firstFailure else { return 0 }
        let (rank, status) = (firstFailure.rank, firstFailure.status)
        // What ends all of them alike, the first has said already.
        if let errors = copies[rank].errors, copies[0].status != status {
            let said = try Files.readAll(errors.path)
            let bytes = said.isEmpty ? [] : Array("process \(rank) of \(count) ended first:\n".utf8) + said
            // Whoever does not read it does not want it.
            _ = write(STDERR_FILENO, bytes, bytes.count)
        }
        if status & 0x7F != 0 {
            throw Failure(
                .io, "process \(rank) of \(count) was ended by signal \(status & 0x7F); the others were stopped",
                advice: "Was there too little memory? \(resuming)")
        }
        return status >> 8 & 0xFF
    }

    private func names(_ ranks: [Int]) -> String {
        (ranks.count == 1 ? "process " : "processes ") + ranks.map(String.init).joined(separator: ", ") + " of \(count)"
    }

    /// A port that nobody listened at a moment ago.
    package static func freePort() throws -> UInt16 {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard socket >= 0 else { throw SystemError.last("open", "a socket") }
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutableBytes(of: &address) { bytes in
            let pointer = bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self)
            return bind(socket, pointer, size) == 0 && getsockname(socket, pointer, &size) == 0
        }
        guard isBound else { throw SystemError.last("bind", "a port of this machine") }
        return UInt16(bigEndian: address.sin_port)
    }
}
