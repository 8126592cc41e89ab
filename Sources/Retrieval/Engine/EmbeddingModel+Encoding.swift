public import Models
public import Tensors

extension EmbeddingModel {
    /// Vectors of a batch, without gradients.
    ///
    /// - Parameter dims: keep the first so many components (Matryoshka), and scale to length 1 again if the card does;
    ///   nil for what the card says, ``ModelCard/truncateDim``, which scales nothing.
    /// - Returns: float32 `[S, dims]` on the CPU.
    public func encode(_ packed: PackedBatch, dims: Int? = nil) throws -> Tensor {
        try withoutGradients {
            let batch = try DeviceBatch(packed, device: device)
            return try outputVectors(head(text.forward(batch), batch), dims: dims)
        }
    }

    /// What the head has made of a batch, cut and scaled as ``encode(_:dims:)`` does.
    package func outputVectors(_ vectors_SD: Tensor, dims: Int?) throws -> Tensor {
        try withoutGradients {
            var vectors = vectors_SD
            let kept = dims ?? card.outputDims
            if kept < card.dims {
                vectors = try vectors.narrow(1, start: 0, length: kept)
                if dims != nil && card.normalize { vectors = try vectors.normalized() }
            }
            return try vectors.to(.cpu).contiguous()
        }
    }
}
