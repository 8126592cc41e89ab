internal import Base
internal import Tensors

/// Where a model's weights lie between uses.
public enum WeightResidency: String, Sendable, CaseIterable {
    /// In memory, or mapped there with nobody taking them out.
    case resident
    /// In the checkpoint's files, as they are written there: what a stage computes with is read when it runs and leaves
    /// memory after. Vectors and gradients are the same, bit for bit. What is a vector (biases, norms) is in memory.
    case streamed

    /// Has the process give freed memory back where weights are streamed: what a block's have been widened or laid out to
    /// would stay behind as holes that the next block's do not fit into.
    public func prepareHeap() {
        if self == .streamed { Heap.keepFreed(byteCount: 16 << 20) }
    }
}

/// Keeps the values of parameters elsewhere, and brings them to where they are computed with.
package protocol WeightKeeper: AnyObject {
    /// Starts to bring them, in the background, where they are not there.
    func readAhead()
    /// Returns once they are there.
    func arrive() throws
    /// Takes them away, where they are there.
    func leaveMemory()
}

extension [any Stage] {
    /// Runs the stages one after the other.
    ///
    /// Streamed weights of a stage leave memory after it, while those of the next are on their way.
    ///
    /// - Parameter isPrepared: streamed weights are laid out for encoding, each time for one run; all others are already.
    func run(_ input_TD: Tensor, _ context: Context, isPrepared: Bool) throws -> Tensor {
        var hidden_TD = input_TD
        for (number, stage) in enumerated() {
            if number + 1 < count { self[number + 1].parameters.readAhead() }
            let streamed = isPrepared ? stage.projections.filter(\.isStreamed) : []
            defer {
                for projection in streamed { projection.endEncoding() }
                stage.parameters.leaveMemory()
            }
            for projection in streamed { try projection.prepareForEncoding(quantizes: false) }
            hidden_TD = try stage.forward(hidden_TD, context)
        }
        return hidden_TD
    }
}

extension [Parameter] {
    /// Starts reading what is streamed, and bringing what others keep, in the background.
    public func readAhead() {
        for parameter in self { parameter.readAhead() }
    }

    /// Waits for what others keep.
    public func arrive() throws {
        for parameter in self { try parameter.arrive() }
    }

    /// Takes what is streamed out of memory; it comes back where it is used again. So does what others keep, once it has
    /// been brought again.
    public func leaveMemory() {
        for parameter in self { parameter.leaveMemory() }
    }
}
