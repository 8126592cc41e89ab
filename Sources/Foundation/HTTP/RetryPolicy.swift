internal import Base
internal import Glibc

/// How often and when a failed exchange is tried again.
public struct RetryPolicy: Sendable {
    /// Failures in a row, without progress between them, that end the work.
    public var attemptCount = 6
    /// The same, of exchanges that were too slow: each has taken a long time.
    public var slowAttemptCount = 2
    /// The wait after the first failure; it doubles with each further one.
    public var firstWaitSeconds = 0.25
    public var longestWaitSeconds = 20.0
    /// A server's `Retry-After` is honoured up to here.
    public var longestRetryAfterSeconds = 120.0

    public init() {}

    /// One try of several.
    public struct Attempt {
        /// From 1 on.
        public fileprivate(set) var number = 1
        /// Set it where the attempt got somewhere: a failure then counts as the first.
        public var hasProgressed = false
        fileprivate var slowCount = 0
    }

    /// Runs `body` until it succeeds, fails for good, or has failed too often.
    ///
    /// - Parameter noting: told of each failure that is followed by another try.
    public func run<Result>(
        noting: (TransferError) -> Void = { _ in }, _ body: (inout Attempt) throws -> Result
    ) throws -> Result {
        var attempt = Attempt()
        while true {
            do {
                return try body(&attempt)
            } catch let error as TransferError where error.isTransient {
                if attempt.hasProgressed { attempt = Attempt() }
                if error.reason == .tooSlow { attempt.slowCount += 1 }
                guard attempt.number < attemptCount, attempt.slowCount < slowAttemptCount else { throw error }
                let wait = waitSeconds(after: attempt.number, asked: error.retryAfterSeconds)
                log.info("\(error); trying again in \(duration(wait))")
                noting(error)
                try Self.sleep(wait)
                attempt.number += 1
            }
        }
    }

    /// Half of the wait is random, so that clients that failed together do not come back together.
    func waitSeconds(after failures: Int, asked: Double?) -> Double {
        let full = min(longestWaitSeconds, firstWaitSeconds * Double(1 << min(failures - 1, 30)))
        let wait = full * Double.random(in: 0.5...1)
        return max(wait, min(asked ?? 0, longestRetryAfterSeconds))
    }

    /// - Throws: `Failure` with status 130 once a signal has arrived.
    public static func sleep(_ seconds: Double) throws {
        let end = Clock.seconds() + seconds
        while true {
            try Interruption.check()
            let left = end - Clock.seconds()
            guard left > 0 else { return }
            usleep(UInt32(min(left, 0.1) * 1e6))
        }
    }
}
