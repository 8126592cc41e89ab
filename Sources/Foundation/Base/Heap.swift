internal import CGlibc
internal import Glibc

/// What the process does with memory that it has freed.
public enum Heap {
    /// Keeps up to `byteCount` freed bytes for what is allocated next.
    ///
    /// Without it a pipeline of batches of a mebibyte, or a training step, returns what it frees to the system and gets
    /// it back empty: a tenth of the time of either went into page faults.
    ///
    /// - Parameter byteCount: at most 2³¹ − 1.
    public static func keepFreed(byteCount: Int) {
        mallopt(M_TRIM_THRESHOLD, Int32(clamping: byteCount))
        mallopt(M_MMAP_THRESHOLD, Int32(clamping: byteCount / 2))
    }

    /// Ends the process where there is no memory for what it cannot do without.
    ///
    /// - Parameter purpose: what the memory was for.
    public static func exhausted(_ purpose: String) -> Never {
        writeToStandardError("out of memory: \(purpose)\n")
        abort()
    }
}
