internal import Glibc

/// How many files, connections and the like this process may have open: `ulimit -n`.
public enum OpenFileLimit {
    /// Makes sure that so many more can be opened; the limit is raised as far as the system lets us, where that is needed.
    ///
    /// For libraries that end the process where they get none.
    ///
    /// - Throws: `Failure` with status 73.
    public static func ensure(_ count: Int, for purpose: String) throws {
        let needed = try Files.list("/proc/self/fd").count + count
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < rlim_t(needed)
        else {
            return
        }
        let allowed = limit.rlim_cur
        limit.rlim_cur = min(limit.rlim_max, rlim_t(needed))
        guard limit.rlim_cur >= rlim_t(needed), setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
        else {
            throw Failure(
                .cannotCreate, "\(purpose) needs \(needed) open files, and this process may have \(allowed)",
                advice: "`ulimit -n \(needed)` allows for more.")
        }
    }
}
