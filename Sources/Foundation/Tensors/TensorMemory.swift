internal import CTorch

/// What tensors take of the CPU's memory.
public enum TensorMemory {
    /// From now on tensors lie in a heap of their own: the pieces that it has freed fit the next tensors, which malloc's were
    /// found not to. For a process that makes and frees large ones in the same order again and again, as training does.
    public static func useOwnHeap() { ctorch_use_tensor_heap() }

    /// Bytes that a piece of work took.
    public struct Usage: Sendable, Equatable {
        /// What it left behind.
        public var left: Int
        /// The most that it took at once.
        public var most: Int
    }

    /// Runs work, and counts the bytes of the tensors that the calling thread makes and frees meanwhile, whatever other
    /// threads do. Of work on a GPU only what lies in the machine's memory is counted. One inside another begins the count of
    /// the outer one's most anew.
    public static func measure<Result>(_ work: () throws -> Result) rethrows -> (result: Result, usage: Usage) {
        useOwnHeap()
        let before = ctorch_thread_tensor_bytes()
        _ = ctorch_thread_tensor_peak(true)
        let result = try work()
        let usage = Usage(
            left: Int(ctorch_thread_tensor_bytes() - before), most: Int(ctorch_thread_tensor_peak(false) - before))
        return (result, usage)
    }
}
