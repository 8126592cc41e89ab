internal import Base
internal import SystemPackage
internal import Vectors

/// A matrix that numpy saved: C order, little-endian float32 or float16, mapped.
///
/// Source: NEP 1, versions 1.0 and 2.0.
struct NumpyMatrix {
    let rowCount: Int
    let columnCount: Int
    private let file: MappedFile
    private let start: Int
    private let type: VectorType

    /// - Throws: `InputError` for any other array.
    init(_ path: FilePath) throws {
        let file = try MappedFile(path)
        self.file = file
        let bytes = file.bytes
        func fault(_ reason: String) -> InputError { InputError(reason, at: Place(path: path.string)) }
        guard bytes.count >= 12, bytes.starts(with: [0x93] + Array("NUMPY".utf8)), bytes[6] == 1 || bytes[6] == 2 else {
            throw fault("not an .npy file of version 1 or 2")
        }
        let lengthBytes = bytes[6] == 1 ? 2 : 4
        let length = (0..<lengthBytes).reduce(0) { $0 | Int(bytes[8 + $1]) << (8 * $1) }
        start = 8 + lengthBytes + length
        guard start <= bytes.count else { throw fault("the header is cut off") }
        // The header is a Python literal of three known keys, in ASCII.
        let header = String(decoding: bytes[(8 + lengthBytes)..<start], as: UTF8.self).filter { $0 != " " }
        if header.contains("'descr':'<f4'") {
            type = .f32
        } else if header.contains("'descr':'<f2'") {
            type = .f16
        } else {
            throw fault("float32 or float16 numbers belong here: \(header)")
        }
        guard header.contains("'fortran_order':False") else { throw fault("the matrix is not in C order") }
        let sizes = header.split(separator: "'shape':(").last.flatMap { $0.split(separator: ")").first }?
            .split(separator: ",").map { Int($0) }
        guard let sizes, sizes.count == 2, let rows = sizes[0], let columns = sizes[1], rows >= 0, columns > 0 else {
            throw fault("a matrix belongs here: \(header)")
        }
        rowCount = rows
        columnCount = columns
        guard (bytes.count - start) / type.byteCount / columns == rows,
            bytes.count == start + rows * columns * type.byteCount
        else {
            throw fault("\(bytes.count - start) bytes of numbers where \(rows) × \(columns) belong")
        }
    }

    func row(_ index: Int) -> [Float] {
        let first = start + index * columnCount * type.byteCount
        return (0..<columnCount).map { column in
            let offset = first + column * type.byteCount
            switch type {
            case .f32: return file.bytes.loadUnaligned(fromByteOffset: offset, as: Float.self)
            case .f16: return Float(file.bytes.loadUnaligned(fromByteOffset: offset, as: Float16.self))
            }
        }
    }
}
