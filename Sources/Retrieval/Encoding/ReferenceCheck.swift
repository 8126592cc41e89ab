internal import Base
internal import Models
public import SystemPackage
internal import Vectors

/// Compares a model's vectors with those that another implementation made of the same records.
public struct ReferenceCheck {
    /// What the comparison found.
    public struct Report: Sendable {
        public var comparedCount = 0
        public var leastCosine = Float.infinity
        public var meanCosine = 0.0
        /// The largest absolute difference between two components.
        public var greatestDifference: Float = 0
        /// The records with the least cosines, worst first; at most ten.
        public var worst: [(id: [UInt8], cosine: Float)] = []
    }

    let encoder: DatasetEncoder

    public init(_ encoder: DatasetEncoder) { self.encoder = encoder }

    /// - Parameters:
    ///   - reference: an `.npy` matrix, float32 or float16, with one row for each record of the side, in order.
    ///   - stride: compare every so many records; 1 compares all.
    /// - Throws: `InputError` if the matrix has another shape.
    public func run(against reference: FilePath, stride step: Int, progress: (Int) -> Void) throws -> Report {
        let matrix = try NumpyMatrix(reference)
        let source = encoder.source
        let dims = encoder.dims
        guard matrix.rowCount == source.count, matrix.columnCount == dims else {
            throw InputError(
                "\(matrix.rowCount) rows of \(matrix.columnCount), but the dataset has \(source.count) "
                    + "\(source.side.rawValue) and the model gives \(dims) dims", at: Place(path: reference.string))
        }
        var report = Report()
        var found: [(id: [UInt8], cosine: Float)] = []
        for lower in Swift.stride(from: 0, to: source.count, by: encoder.options.recordsPerPart) {
            let window = try source.planned(lower..<min(lower + encoder.options.recordsPerPart, source.count))
                .keeping { ($0 + lower) % step == 0 }
            let rows = try encoder.encode(window.records, encoder.loader(), nil).rows
            for (row, ordinal) in window.ordinals.enumerated() {
                let expected = matrix.row(ordinal)
                let got = rows[(row * dims)..<((row + 1) * dims)]
                report.greatestDifference = zip(got, expected).reduce(report.greatestDifference) {
                    max($0, abs($1.0 - $1.1))
                }
                found.append((window.records.ids[row], cosine(got, expected)))
            }
            progress(window.ordinals.count)
        }
        report.comparedCount = found.count
        report.meanCosine = found.reduce(0) { $0 + Double($1.cosine) } / Double(max(found.count, 1))
        // NaN must not pass as close.
        found.sort { ($0.cosine.isNaN ? -2 : $0.cosine) < ($1.cosine.isNaN ? -2 : $1.cosine) }
        report.worst = Array(found.prefix(10))
        report.leastCosine = found.first?.cosine ?? .nan
        return report
    }

    private func cosine(_ a: ArraySlice<Float>, _ b: [Float]) -> Float {
        var product = 0.0
        var squares = (0.0, 0.0)
        for (x, y) in zip(a, b) {
            product += Double(x) * Double(y)
            squares.0 += Double(x) * Double(x)
            squares.1 += Double(y) * Double(y)
        }
        return Float(product / (squares.0 * squares.1).squareRoot())
    }
}

extension PlannedRecords {
    /// The records whose index in this window satisfies a condition, and their ordinals.
    func keeping(_ isKept: (Int) -> Bool) -> (records: PlannedRecords, ordinals: [Int]) {
        var kept = PlannedRecords(range)
        var ordinals: [Int] = []
        for index in 0..<count where isKept(index) {
            kept.plans[kept.count] = plans[index]
            kept.places[kept.count] = places[index]
            ids.withBytes(at: index) { kept.ids.append($0) }
            kept.tokens.append(contentsOf: sequence(index))
            kept.starts.append(kept.tokens.count)
            ordinals.append(range.lowerBound + index)
        }
        return (kept, ordinals)
    }
}
