internal import COpenBLAS

/// The float32 matrix product, on the calling thread.
enum MatrixProduct {
    /// tvt runs one product per worker; OpenBLAS's own threads would only compete with them.
    private static let isSingleThreaded: Bool = {
        openblas_set_num_threads(1)
        return true
    }()

    /// `target[i, j] = left[i, :] · right[j, :]`, all row-major without gaps.
    static func rowsTimesRows(
        _ left: UnsafePointer<Float>, rows: Int, _ right: UnsafePointer<Float>, otherRows: Int, columns: Int,
        into target: UnsafeMutablePointer<Float>
    ) {
        guard isSingleThreaded, rows > 0, otherRows > 0 else { return }
        cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasTrans, Int32(rows), Int32(otherRows), Int32(columns), 1,
            left, Int32(columns), right, Int32(columns), 0, target, Int32(otherRows))
    }
}
