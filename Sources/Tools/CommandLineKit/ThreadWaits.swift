internal import Glibc

/// How threads of OpenMP wait for each other, for tools that compute with tensors.
public enum ThreadWaits {
    /// Lets waiting threads sleep soon instead of spinning for milliseconds, unless the environment says how they wait.
    ///
    /// libgomp reads this from the environment when it is loaded, so the process starts itself once more: call it first
    /// of all. On cores that others use too, threads that spin for one that cannot run made a training step take ten
    /// times as long; on free cores nothing changes.
    public static func shorten() {
        guard getenv("GOMP_SPINCOUNT") == nil, getenv("OMP_WAIT_POLICY") == nil else { return }
        setenv("GOMP_SPINCOUNT", "10000", 1)
        // Where it cannot be started again, it waits as libgomp likes.
        execv("/proc/self/exe", CommandLine.unsafeArgv)
    }
}
