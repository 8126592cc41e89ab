internal import Base

/// Watches over an exchange that it moves fast enough, in windows of time, one after the other.
struct TransferRate {
    /// Bytes a second.
    let minimum: Int
    let windowSeconds: Int
    private var windowStart = Clock.seconds()
    /// Bytes that moved in this window.
    private var moved = 0

    init(minimum: Int, windowSeconds: Int) {
        self.minimum = minimum
        self.windowSeconds = windowSeconds
    }

    mutating func add(_ byteCount: Int) { moved += byteCount }

    /// Time that was ours, and not the server's.
    mutating func pass(over seconds: Double) { windowStart += seconds }

    /// - Returns: the bytes of the window that has ended, where they are too few.
    mutating func check(at now: Double = Clock.seconds()) -> Int? {
        let elapsed = now - windowStart
        guard elapsed >= Double(windowSeconds) else { return nil }
        defer {
            windowStart = now
            moved = 0
        }
        return moved == 0 || Double(moved) < Double(minimum) * elapsed ? moved : nil
    }
}
