package import Models
package import Tensors

extension BlockwiseEncoder {
    /// Vectors of a batch, without gradients, `[S, D]` in the caller's order.
    ///
    /// Weights that somebody else keeps are in memory while their piece runs, and those of the next are on their way. Where
    /// processes bring such weights together, all of them call this equally often, whether they have a batch or not.
    ///
    /// - Parameter packed: nil brings weights and computes nothing.
    package func encode(_ packed: PackedBatch?) throws -> Tensor? {
        try withoutGradients {
            let chunk = try packed.map { Chunk(batch: try DeviceBatch($0, device: device), members: []) }
            // What each piece has made, until nothing needs it any more; nothing of a tower that the batch has no items for.
            var made: [Int: Tensor] = [:]
            for (number, piece) in pieces.enumerated() {
                try parameters(of: piece).arrive()
                if number + 1 < pieces.count { readAhead(pieces[number + 1]) }
                let sources = sources(of: number)
                if let chunk { made[number] = try run(piece, sources.map { made[$0] }, chunk, .none) }
                leaveMemory(piece)
                for source in sources { made[source] = nil }
            }
            return made[pieces.count - 1]
        }
    }
}
