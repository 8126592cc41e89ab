import Base
import Glibc
import SystemPackage
import TestKit

/// `tvt-convert` while it runs, to be met in the middle, and measured when it has ended.
final class ToolProcess {
    private let pid: pid_t
    private var hasEnded = false

    struct End {
        /// The exit status; nil where a signal ended it.
        let status: Int32?
        let peakMemoryBytes: Int
    }

    /// - Parameter environment: `NAME=value`, besides this process's own.
    init(_ arguments: [String], environment: [String] = [], errors: FilePath = "/dev/null") throws {
        let words = [builtProducts.appending("tvt-convert").string] + arguments
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (descriptor, path, flags) in [
            (STDIN_FILENO, "/dev/null", O_RDONLY), (STDOUT_FILENO, "/dev/null", O_WRONLY),
            (STDERR_FILENO, errors.string, O_WRONLY | O_CREAT | O_TRUNC),
        ] {
            posix_spawn_file_actions_addopen(&actions, descriptor, path, flags, 0o666)
        }
        var own: [String] = []
        var next = environ
        while let variable = next.pointee {
            own.append(String(cString: variable))
            next += 1
        }
        let argv = words.map { strdup($0) }
        let envp = (own + environment).map { strdup($0) }
        defer { for pointer in argv + envp { free(pointer) } }
        var pid = pid_t()
        let result = posix_spawn(&pid, words[0], &actions, nil, argv + [nil], envp + [nil])
        guard result == 0 else { throw SystemError("start", FilePath(words[0]), errno: result) }
        self.pid = pid
    }

    deinit {
        guard !hasEnded else { return }
        kill(pid, SIGKILL)
        waitpid(pid, nil, 0)
    }

    func send(_ signal: Int32) { kill(pid, signal) }

    /// Waits until the process has ended.
    func finish() -> End {
        var status: Int32 = 0
        var peak = 0
        // What wait4 tells would include the memory of this process, from which the other came.
        while waitpid(pid, &status, WNOHANG) == 0 {
            peak = max(peak, peakMemoryBytes() ?? 0)
            usleep(1000)
        }
        hasEnded = true
        let hasExited = status & 0x7F == 0
        return End(status: hasExited ? status >> 8 & 0xFF : nil, peakMemoryBytes: peak)
    }

    /// The high-water mark of its resident memory; nil when it is about to end.
    private func peakMemoryBytes() -> Int? {
        guard let status = try? Files.readText(FilePath("/proc/\(pid)/status")) else { return nil }
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }) else { return nil }
        return Int(line.filter { $0.isNumber }).map { $0 << 10 }
    }
}
