internal import COpenBLAS

/// The float32 matrix product of OpenBLAS, on the calling thread.
///
/// A process that computes with libtorch must not link this: libtorch's own BLAS has functions of the same names, and whichever
/// library comes first would serve both.
public enum OpenBLAS {
    /// Whoever multiplies does so on workers of their own; OpenBLAS's threads would only compete with them.
    private static let isSingleThreaded: Bool = {
        openblas_set_num_threads(1)
        return true
    }()

    /// `target[i, j] = left[i, :] · right[j, :]`, all row-major without gaps, by any number of threads at once.
    public static func rowsTimesRows(
        _ left: UnsafePointer<Float>, rows: Int, _ right: UnsafePointer<Float>, otherRows: Int, columns: Int,
        into target: UnsafeMutablePointer<Float>
    ) {
        guard isSingleThreaded, rows > 0, otherRows > 0 else { return }
        cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasTrans, Int32(rows), Int32(otherRows), Int32(columns), 1,
            left, Int32(columns), right, Int32(columns), 0, target, Int32(otherRows))
    }
}
