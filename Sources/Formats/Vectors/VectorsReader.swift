internal import Base
public import SystemPackage

/// A finished folder of vectors, mapped: rows are read from disk when they are touched.
///
/// Row `r` is the r-th vector of the folder, over all parts.
public final class VectorsReader: Sendable {
    public let folder: FilePath
    public let manifest: VectorsManifest
    public let parts: [Part]
    public let count: Int

    public var dims: Int { manifest.description.dims }

    /// One part, mapped.
    public struct Part: Sendable {
        /// Row of the folder that is the part's first.
        public let firstRow: Int
        public let count: Int
        public let type: VectorType
        public let path: FilePath
        private let file: MappedFile
        private let matrixOffset: Int
        private let ids: IDIndex

        init(_ part: VectorsPart, firstRow: Int, folder: FilePath, manifest: VectorsManifest) throws {
            let description = manifest.description
            path = folder.appending(part.vectorsName)
            file = try MappedFile(path)
            let header = NumpyHeader(type: description.type, rowCount: part.count, columnCount: description.dims)
            matrixOffset = try header.requireAtStart(of: file.bytes, path: path.string)
            ids = try IDIndex(MappedFile(folder.appending(part.idsName)), count: part.count)
            try ids.requireDigest(of: part, among: manifest.parts)
            self.firstRow = firstRow
            count = part.count
            type = description.type
        }

        /// The matrix, row by row, little-endian; begins at a multiple of 64 bytes. Valid as long as the reader.
        public var matrix: UnsafeRawBufferPointer {
            UnsafeRawBufferPointer(rebasing: file.bytes[matrixOffset...])
        }

        /// Copies the leading `columns` components of rows as float32, exactly.
        ///
        /// - Parameters:
        ///   - rows: rows of this part.
        ///   - target: room for `rows.count` × `columns` numbers.
        public func copy(
            _ rows: Range<Int>, columns: Int, dims: Int, into target: UnsafeMutablePointer<Float>
        ) {
            precondition(rows.lowerBound >= 0 && rows.upperBound <= count && columns <= dims)
            guard !rows.isEmpty else { return }
            let matrix = matrix.baseAddress!
            for (line, row) in rows.enumerated() {
                let source = matrix + row * dims * type.byteCount
                let output = target + line * columns
                switch type {
                case .f32: output.update(from: source.assumingMemoryBound(to: Float.self), count: columns)
                case .f16:
                    HalfPrecision.widen(source.assumingMemoryBound(to: UInt16.self), into: output, count: columns)
                }
            }
        }

        /// The id of a row of this part.
        public func withID<Result>(_ row: Int, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
            try ids.withID(row, body)
        }
    }

    /// - Throws: `InputError` where the files are not those of which `vectors.json` has the record: vectors by size and
    ///   header (``verify()`` compares the digests), ids by digest.
    public init(opening folder: FilePath) throws {
        self.folder = folder
        manifest = try VectorsManifest(readingFrom: folder)
        var parts: [Part] = []
        var firstRow = 0
        for part in manifest.parts {
            parts.append(
                try Part(part, firstRow: firstRow, folder: folder, manifest: manifest))
            firstRow += part.count
        }
        self.parts = parts
        count = firstRow
    }

    /// The part that holds a row.
    public func partIndex(of row: Int) -> Int {
        var low = 0
        var high = parts.count - 1
        while low < high {
            let middle = (low + high + 1) / 2
            if parts[middle].firstRow <= row { low = middle } else { high = middle - 1 }
        }
        return low
    }

    public func withID<Result>(_ row: Int, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        let part = partIndex(of: row)
        return try parts[part].withID(row - parts[part].firstRow, body)
    }

    public func id(_ row: Int) -> [UInt8] { withID(row) { Array($0) } }

    /// The vector of a row as float32.
    public func vector(_ row: Int) -> [Float] {
        let part = parts[partIndex(of: row)]
        return [Float](unsafeUninitializedCapacity: dims) { buffer, count in
            let row = row - part.firstRow
            part.copy(row..<row + 1, columns: dims, dims: dims, into: buffer.baseAddress!)
            count = dims
        }
    }

    /// Compares the digest of every file with the recorded one.
    ///
    /// - Parameters:
    ///   - share: the process that looks, of `count` that divide the parts among them.
    public func verify(share: Int = 0, of count: Int = 1) throws {
        for (number, part) in manifest.parts.enumerated() where number % count == share {
            for (name, digest) in [(part.vectorsName, part.vectorsDigest), (part.idsName, part.idsDigest)] {
                let path = folder.appending(name)
                guard try SHA256Digest.ofFile(path) == digest else {
                    throw InputError(
                        "its SHA-256 is not the one that \(VectorsManifest.fileName) records",
                        at: Place(path: path.string), advice: NumpyHeader.advice)
                }
            }
        }
    }
}
