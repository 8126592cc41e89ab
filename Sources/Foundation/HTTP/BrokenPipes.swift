internal import Glibc

/// Runs `body` so that writing to a connection that the other side has closed is an error and not the end of the process.
///
/// Tools let SIGPIPE end them, for the sake of `| head`. libcurl writes without raising it, but OpenSSL does not; and
/// handlers are the process's, while other threads may write to stdout now. So the signal is blocked on this thread, and
/// one that arrived is taken away.
func withoutBrokenPipes<Result>(_ body: () throws -> Result) rethrows -> Result {
    var pipe = sigset_t()
    sigemptyset(&pipe)
    sigaddset(&pipe, SIGPIPE)
    var pending = sigset_t()
    sigpending(&pending)
    let wasPending = sigismember(&pending, SIGPIPE) == 1
    var before = sigset_t()
    pthread_sigmask(SIG_BLOCK, &pipe, &before)
    defer {
        if !wasPending {
            var now = timespec()
            while sigtimedwait(&pipe, nil, &now) < 0, errno == EINTR {}
        }
        pthread_sigmask(SIG_SETMASK, &before, nil)
    }
    return try body()
}
