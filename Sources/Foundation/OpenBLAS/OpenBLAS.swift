public import Base
internal import COpenBLAS

/// The float32 matrix product of OpenBLAS, on the calling thread.
public struct OpenBLAS: Sendable {
    /// - Throws: `Failure` (69) where the library cannot be loaded.
    public init() throws(Failure) {
        guard let reason = copenblas_load() else { return }
        throw Failure(
            .unavailable, "OpenBLAS cannot be loaded: \(String(cString: reason))",
            advice: "Install libopenblas0.")
    }

    /// `target[i, j] = left[i, :] · right[j, :]`, all row-major without gaps, by any number of threads at once.
    public func rowsTimesRows(
        _ left: UnsafePointer<Float>, rows: Int, _ right: UnsafePointer<Float>, otherRows: Int, columns: Int,
        into target: UnsafeMutablePointer<Float>
    ) {
        guard rows > 0, otherRows > 0 else { return }
        copenblas_rows_times_rows(left, Int32(rows), right, Int32(otherRows), Int32(columns), target)
    }
}
