internal import Base
internal import JSON
internal import SystemPackage

/// Writes one part row by row. The part counts as finished when its record `part-NNNNN.json` is in place, which is
/// the last thing that ``commit(truncatedCount:)`` writes; a writer that is dropped leaves nothing.
public struct VectorPartWriter: ~Copyable {
    private let folder: FilePath
    private let description: VectorsDescription
    private let index: Int
    private let ordinals: Range<Int>
    private let leftOut: [[UInt8]]
    private var vectors: StagedFile
    private var ids: StagedFile
    private var vectorsDigest = SHA256Stream()
    private var idsDigest = SHA256Stream()
    private var line: [UInt8] = []
    private var narrowed: [UInt16] = []
    /// Rows written.
    public private(set) var count = 0

    private init(
        folder: FilePath, description: VectorsDescription, index: Int, ordinals: Range<Int>,
        leftOut: [[UInt8]], vectors: consuming StagedFile, ids: consuming StagedFile
    ) {
        self.folder = folder
        self.description = description
        self.index = index
        self.ordinals = ordinals
        self.leftOut = leftOut
        self.vectors = vectors
        self.ids = ids
    }

    static func open(
        folder: FilePath, description: VectorsDescription, index: Int, ordinals: Range<Int>,
        leftOut: [[UInt8]]
    ) throws -> VectorPartWriter {
        let vectors = try StagedFile(for: folder.appending(VectorsPart.name(index) + ".npy"))
        let ids = try StagedFile(for: folder.appending(VectorsPart.name(index) + ".ids"))
        var writer = VectorPartWriter(
            folder: folder, description: description, index: index, ordinals: ordinals, leftOut: leftOut,
            vectors: vectors,
            ids: ids)
        let header = NumpyHeader(
            type: description.type, rowCount: ordinals.count - leftOut.count, columnCount: description.dims)
        try writer.write(header.bytes)
        return writer
    }

    /// Appends the next row.
    ///
    /// - Parameter vector: `dims` components.
    /// - Throws: `Failure` where a component is NaN, infinite, or too large for the part's type.
    public mutating func append(id: UnsafeRawBufferPointer, vector: UnsafeBufferPointer<Float>) throws {
        precondition(vector.count == description.dims, "a vector has as many components as its folder says")
        precondition(count < ordinals.count - leftOut.count, "a row for each ordinal that is not left out")
        guard vector.allSatisfy(\.isFinite) else { throw notFinite(id, "holds NaN or infinity") }
        switch description.type {
        case .f32: try write(UnsafeRawBufferPointer(vector))
        case .f16:
            narrowed.removeAll(keepingCapacity: true)
            narrowed.append(contentsOf: vector.lazy.map(HalfPrecision.narrow))
            guard narrowed.allSatisfy({ UInt16(littleEndian: $0) & 0x7C00 != 0x7C00 }) else {
                throw notFinite(id, "has a component beyond 65504, the largest f16 number")
            }
            try narrowed.withUnsafeBytes { try write($0) }
        }
        line.removeAll(keepingCapacity: true)
        IDLines.append(id, to: &line)
        try ids.write(line)
        line.withUnsafeBytes { idsDigest.update($0) }
        count += 1
    }

    /// Makes the part durable, and its record after it.
    ///
    /// - Parameter truncatedCount: records of the part whose text was cut.
    public consuming func commit(truncatedCount: Int) throws -> VectorsPart {
        precondition(count == ordinals.count - leftOut.count, "a row for each ordinal that is not left out")
        let part = VectorsPart(
            index: index, ordinals: ordinals, truncatedCount: truncatedCount, leftOutCount: leftOut.count,
            vectorsDigest: vectorsDigest.finalize(), idsDigest: idsDigest.finalize())
        try vectors.commit()
        try ids.commit()
        if !leftOut.isEmpty { try Files.replace(folder.appending(part.leftOutName), with: Array(leftOut.joined())) }
        try PartRecord(description: description, part: part).write(to: folder)
        return part
    }

    private mutating func write(_ bytes: [UInt8]) throws { try bytes.withUnsafeBytes { try write($0) } }

    private mutating func write(_ bytes: UnsafeRawBufferPointer) throws {
        try vectors.write(bytes)
        vectorsDigest.update(bytes)
    }

    private func notFinite(_ id: UnsafeRawBufferPointer, _ what: String) -> Failure {
        Failure(.badData, "the vector of \(escaped(id.prefix(80))) \(what)")
    }
}

/// What is kept beside a part until the folder is finished: the part, and the description it was made under.
struct PartRecord {
    var description: VectorsDescription
    var part: VectorsPart

    var json: JSONValue {
        .object(["of": .object(description.json), "part": .object(part.json)])
    }

    init(description: VectorsDescription, part: VectorsPart) {
        self.description = description
        self.part = part
    }

    func write(to folder: FilePath) throws {
        try Files.replace(folder.appending(VectorsPart.name(part.index) + ".json"), with: json.pretty())
    }

    init(reading path: FilePath) throws {
        let value = try JSONValue.parse(file: path)
        description = try VectorsDescription(ManifestFields(value["of"] ?? .null, path: path.string))
        part = try VectorsPart(ManifestFields(value["part"] ?? .null, path: path.string))
    }
}
