internal import Base
internal import Vectors

/// The rows of several folders of vectors as one matrix of float32, read block by block.
struct RowBlocks: Sendable {
    /// A part of a folder and the number of its first row in the whole.
    private struct Segment: Sendable {
        let firstRow: Int
        let reader: Int
        let part: VectorsReader.Part
    }

    let readers: [VectorsReader]
    let count: Int
    /// Components in use.
    let columns: Int
    private let storedDims: [Int]
    /// Whether rows lose components and must be brought back to length 1.
    private let renormalises: Bool
    private let segments: [Segment]

    init(_ readers: [VectorsReader], columns: Int) {
        self.readers = readers
        self.columns = columns
        storedDims = readers.map(\.dims)
        renormalises = readers.contains { $0.dims > columns && $0.manifest.description.isNormalised }
        var segments: [Segment] = []
        var row = 0
        for (index, reader) in readers.enumerated() {
            for part in reader.parts where part.count > 0 {
                segments.append(Segment(firstRow: row, reader: index, part: part))
                row += part.count
            }
        }
        self.segments = segments
        count = row
    }

    /// Position of the segment that holds a row. A copy of the segment itself would cost reference counts.
    private func segment(of row: Int) -> Int {
        var low = 0
        var high = segments.count - 1
        while low < high {
            let middle = (low + high + 1) / 2
            if segments[middle].firstRow <= row { low = middle } else { high = middle - 1 }
        }
        return low
    }

    func withID<Result>(_ row: Int, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        let segment = segment(of: row)
        return try segments[segment].part.withID(row - segments[segment].firstRow, body)
    }

    /// The rows from `row` on, at most `limit` and none behind the part they lie in.
    func block(from row: Int, limit: Int) -> Range<Int> {
        let segment = segment(of: row)
        return row..<min(row + limit, segments[segment].firstRow + segments[segment].part.count)
    }

    /// Gives `body` rows of one block (``block(from:limit:)``), one behind the other: the file's own where they can be
    /// used as they lie, else a copy in `scratch`, which has room for them.
    @inline(__always)
    func withRows<Result>(
        _ rows: Range<Int>, scratch: UnsafeMutablePointer<Float>, _ body: (UnsafePointer<Float>) throws -> Result
    ) rethrows -> Result {
        let segment = segment(of: rows.lowerBound)
        let first = rows.lowerBound - segments[segment].firstRow
        let dims = storedDims[segments[segment].reader]
        if segments[segment].part.type == .f32, dims == columns {
            let matrix = segments[segment].part.matrix.baseAddress!.assumingMemoryBound(to: Float.self)
            return try body(matrix + first * dims)
        }
        segments[segment].part.copy(first..<first + rows.count, columns: columns, dims: dims, into: scratch)
        if renormalises {
            for index in 0..<rows.count { RowMath.normalise(scratch + index * columns, count: columns) }
        }
        return try body(scratch)
    }

    /// Copies any rows into `target`.
    func copy(_ rows: Range<Int>, into target: UnsafeMutablePointer<Float>) {
        var row = rows.lowerBound
        while row < rows.upperBound {
            let block = block(from: row, limit: rows.upperBound - row)
            let output = target + (row - rows.lowerBound) * columns
            withRows(block, scratch: output) { source in
                if source != UnsafePointer(output) { output.update(from: source, count: block.count * columns) }
            }
            row = block.upperBound
        }
    }

    func path(of row: Int) -> String { segments[segment(of: row)].part.path.string }

    func notFinite(_ row: Int) -> InputError {
        InputError(
            "the vector of this id holds NaN or infinity, or is too long for float32 products",
            at: Place(path: path(of: row)), offender: withID(row) { Array($0) },
            advice: "encode again; tvt-encode never writes such vectors")
    }
}

/// Arithmetic on single rows, with a fixed order of operations.
enum RowMath {
    /// The square of a row's length, in float32: at most (count + 2) roundings off, or infinite or NaN where it is not
    /// a finite float32 number.
    @inline(__always)
    static func squaredLength(_ row: UnsafePointer<Float>, count: Int) -> Float {
        let bytes = UnsafeRawPointer(row)
        var sums = SIMD16<Float>(repeating: 0)
        var index = 0
        while index + 16 <= count {
            let values = bytes.loadUnaligned(fromByteOffset: index * 4, as: SIMD16<Float>.self)
            sums += values * values
            index += 16
        }
        var sum = sums.sum()
        while index < count {
            sum += row[index] * row[index]
            index += 1
        }
        return sum
    }

    /// The inner product with products and sums in float64 (products of float32 numbers are exact there), in an order
    /// that depends on `count` alone.
    @inline(__always)
    static func exactProduct(_ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, count: Int) -> Double {
        var sum0 = SIMD2<Double>(repeating: 0)
        var sum1 = sum0
        var sum2 = sum0
        var sum3 = sum0
        var index = 0
        while index + 8 <= count {
            sum0 +=
                SIMD2(Double(left[index]), Double(left[index + 1]))
                * SIMD2(Double(right[index]), Double(right[index + 1]))
            sum1 +=
                SIMD2(Double(left[index + 2]), Double(left[index + 3]))
                * SIMD2(Double(right[index + 2]), Double(right[index + 3]))
            sum2 +=
                SIMD2(Double(left[index + 4]), Double(left[index + 5]))
                * SIMD2(Double(right[index + 4]), Double(right[index + 5]))
            sum3 +=
                SIMD2(Double(left[index + 6]), Double(left[index + 7]))
                * SIMD2(Double(right[index + 6]), Double(right[index + 7]))
            index += 8
        }
        var sum = ((sum0 + sum1) + (sum2 + sum3)).sum()
        while index < count {
            sum += Double(left[index]) * Double(right[index])
            index += 1
        }
        return sum
    }

    /// Brings a row to length 1; a row of zeros stays as it is.
    static func normalise(_ row: UnsafeMutablePointer<Float>, count: Int) {
        let length = exactProduct(row, row, count: count).squareRoot()
        guard length > 0 else { return }
        for index in 0..<count { row[index] = Float(Double(row[index]) / length) }
    }
}
