internal import Base

/// The header of an `.npy` file that holds one C-ordered matrix (NEP 1, version 1.0).
struct NumpyHeader: Equatable {
    var type: VectorType
    var rowCount: Int
    var columnCount: Int

    private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0]

    /// The header as numpy writes it: padded so that the matrix begins at a multiple of 64 bytes.
    var bytes: [UInt8] {
        let shape = "(\(rowCount), \(columnCount))"
        var text = "{'descr': '\(type.numpyDescriptor)', 'fortran_order': False, 'shape': \(shape), }"
        let unpadded = NumpyHeader.magic.count + 2 + text.utf8.count + 1
        text += String(repeating: " ", count: (64 - unpadded % 64) % 64) + "\n"
        return NumpyHeader.magic + [UInt8(text.utf8.count & 255), UInt8(text.utf8.count >> 8)] + Array(text.utf8)
    }

    /// Requires `file` to hold exactly this header and a matrix of its shape.
    ///
    /// - Returns: where the matrix begins.
    func requireAtStart(of file: UnsafeRawBufferPointer, path: String) throws -> Int {
        let expected = bytes
        let size = expected.count + rowCount * columnCount * type.byteCount
        guard file.count == size else {
            throw InputError(
                "\(file.count) bytes where \(rowCount) × \(columnCount) \(type.rawValue) vectors take \(size)",
                at: Place(path: path), advice: NumpyHeader.advice)
        }
        guard file.starts(with: expected) else {
            throw InputError(
                "the header is not that of \(rowCount) × \(columnCount) \(type.rawValue) vectors",
                at: Place(path: path, byteOffset: 0), offender: Array(file.prefix(40)), advice: NumpyHeader.advice)
        }
        return expected.count
    }

    static let advice = "the part does not belong to this vectors.json; remove the folder and encode again"
}
