internal import Glibc
internal import Synchronization

/// SIGINT and SIGTERM as an error that unwinds, so that temporaries are removed on the way out.
///
/// A second signal ends the process at once, and so does the end of the grace period, for a step that does not ask: a read
/// of a pipe that gets no bytes, a long call into a library. The commit protocols make that safe as well.
public enum Interruption {
    // A signal handler may touch nothing but these two.
    nonisolated(unsafe) private static let received = {
        // Zero from the start: a process that never installs the handlers asks as well.
        let flag = UnsafeMutablePointer<sig_atomic_t>.allocate(capacity: 1)
        flag.initialize(to: 0)
        return flag
    }()

    /// Seconds from the signal to the end, where nothing has asked for it.
    nonisolated(unsafe) private static let grace = {
        let seconds = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
        seconds.initialize(to: 5)
        return seconds
    }()

    /// Gives the process this long after a signal, for work that ends in order and takes its time: a step of training and
    /// the checkpoint behind it. Counts anew where a signal has arrived.
    public static func allowGrace(seconds: UInt32) {
        grace.pointee = seconds
        if isRequested { alarm(seconds) }
    }

    /// Gives the process this long after a signal while a body runs that does not ask for one, and has nothing to undo.
    public static func withGrace<Result>(seconds: UInt32, _ body: () throws -> Result) rethrows -> Result {
        let usual = grace.pointee
        allowGrace(seconds: seconds)
        defer { allowGrace(seconds: usual) }
        return try body()
    }

    public static func install() {
        // They exist before a signal can ask for them.
        _ = (received, grace)
        for signal in [SIGINT, SIGTERM] {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { signal in
                if Interruption.received.pointee != 0 { _exit(ExitStatus.interrupted.rawValue) }
                Interruption.received.pointee = sig_atomic_t(signal)
                alarm(Interruption.grace.pointee)
            }
            action.sa_flags = Int32(bitPattern: UInt32(SA_RESTART))
            sigaction(signal, &action, nil)
        }
        signal(SIGALRM) { _ in _exit(ExitStatus.interrupted.rawValue) }
        // Whoever started us may have blocked them: dispatch does so in its threads, and children inherit it.
        var signals = sigset_t()
        sigemptyset(&signals)
        for signal in [SIGINT, SIGTERM, SIGALRM] { sigaddset(&signals, signal) }
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }

    /// Whether ``check()`` lets work go on after a signal: processes that exchange data stop together, where they have agreed
    /// to, and not each where the signal finds it.
    public static var isDeferred: Bool {
        get { deferral.load(ordering: .relaxed) }
        set { deferral.store(newValue, ordering: .relaxed) }
    }
    private static let deferral = Atomic(false)

    public static var isRequested: Bool { received.pointee != 0 }

    /// - Throws: `Failure` with status 130 once a signal has arrived. Call it between units of work.
    public static func check() throws {
        if isRequested, !isDeferred { throw Failure(.interrupted, "interrupted") }
    }
}
