internal import Base
internal import Glibc
public import SystemPackage

/// What a tool finds as one of its standard descriptors.
public enum StreamState: String, Sendable, CaseIterable {
    case closed
    /// `/dev/full`: what is written does not fit, what is read never ends.
    case full
    /// A pipe whose other end is closed.
    case brokenPipe
}

/// Runs a built tool with some of its standard descriptors in a bad state, and all signals as a shell leaves them.
///
/// - Parameters:
///   - streams: by descriptor; the others are the input and files that are read back.
///   - limitSeconds: after which the tool is killed.
public func run(
    _ tool: String, _ arguments: [String], streams: [Int32: StreamState], input: [UInt8] = [],
    environment: [String: String] = [:], workingFolder: FilePath, limitSeconds: Double = 120
) throws -> ToolResult {
    let folder = try TemporaryFolder()
    let paths =
        [try folder.write(input, to: "input")] + (try ["output", "errors"].map { try folder.write([], to: $0) })
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    var kept: [Int32] = []
    defer { for descriptor in kept { close(descriptor) } }
    for descriptor in Int32(0)...2 {
        let mode = descriptor == 0 ? O_RDONLY : O_WRONLY
        switch streams[descriptor] {
        case nil: posix_spawn_file_actions_addopen(&actions, descriptor, paths[Int(descriptor)].string, mode, 0)
        case .full: posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/full", mode, 0)
        case .closed: posix_spawn_file_actions_addclose(&actions, descriptor)
        case .brokenPipe:
            var ends: [Int32] = [0, 0]
            // Breaks as a pipe does, and is closed on exec from the start: other threads start programs as well.
            let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
            guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw SystemError.last("create", "a pipe") }
            close(ends[descriptor == 0 ? 1 : 0])
            let end = ends[descriptor == 0 ? 0 : 1]
            kept.append(end)
            posix_spawn_file_actions_adddup2(&actions, end, descriptor)
        }
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    for signal in [SIGPIPE, SIGXFSZ, SIGTERM, SIGINT] { sigaddset(&signals, signal) }
    posix_spawnattr_setsigdefault(&attributes, &signals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    let program = builtProducts.appending(tool)
    // Goes into the folder, and becomes the tool.
    let starter = ["env", "--chdir", workingFolder.string, program.string]
    var words = (starter + arguments).map { strdup($0) } + [nil]
    var variables = currentEnvironment().merging(environment) { $1 }.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for pointer in words + variables { free(pointer) } }
    var process: pid_t = 0
    let failure = posix_spawn(&process, "/usr/bin/env", &actions, &attributes, &words, &variables)
    guard failure == 0 else { throw SystemError("start", program, errno: failure) }
    var status: Int32 = 0
    let end = Clock.seconds() + limitSeconds
    while waitpid(process, &status, WNOHANG) == 0 {
        if Clock.seconds() > end { kill(process, SIGKILL) }
        usleep(2000)
    }
    let signal = status & 0x7F
    return ToolResult(
        status: signal == 0 ? status >> 8 & 0xFF : signal, wasKilled: signal != 0,
        output: try Files.readAll(paths[1]), errors: try Files.readAll(paths[2]))
}

private func currentEnvironment() -> [String: String] {
    var variables: [String: String] = [:]
    var entry = environ
    while let text = entry.pointee {
        let parts = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2 { variables[String(parts[0])] = String(parts[1]) }
        entry += 1
    }
    return variables
}
