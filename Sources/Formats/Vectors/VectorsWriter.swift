internal import Base
internal import JSON
public import SystemPackage

/// Fills a folder with vectors part by part, and goes on where an earlier process stopped.
///
///     let writer = try VectorsWriter(folder, description)
///     for (index, ordinals) in parts where try writer.finishedPart(index, ordinals) == nil {
///         var part = try writer.part(index, ordinals)
///         … try part.append(id:vector:) for each ordinal …
///         try writer.accept(part.commit(truncatedCount: n))
///     }
///     let manifest = try writer.finish(partIndices: parts.indices)
///
/// Only one process writes into a folder at a time, or several that have divided the parts: of those one has the lock,
/// cleans up before the others begin, and finishes the folder with what they tell it of theirs. `vectors.json` appears when
/// all parts are there; the records of the parts (`part-NNNNN.json`) are then removed. Not Sendable: one thread drives it.
public final class VectorsWriter {
    public let folder: FilePath
    public let description: VectorsDescription
    /// Nil where another process has it.
    private let lock: FileLock?
    private var finished: [Int: VectorsPart] = [:]

    /// Opens or makes the folder.
    ///
    /// - Parameter helps: write parts of a folder that another process has opened and will finish.
    /// - Throws: `Failure` where another process writes there (75), or the folder holds other vectors (73).
    public init(_ folder: FilePath, _ description: VectorsDescription, helps: Bool = false) throws {
        try Files.makeDirectory(folder)
        self.folder = folder
        self.description = description
        lock = helps ? nil : try FileLock(acquiring: folder.appending(".lock"), purpose: "writing vectors")
        for name in try Files.list(folder) where !helps && name.hasSuffix(".tmp") {
            guard name.hasPrefix(".part-") || name.hasPrefix(".\(VectorsManifest.fileName).") else { continue }
            // Left by a process that was killed; the lock says that it is gone.
            try Files.remove(folder.appending(name))
        }
        if let manifest = try manifest() {
            try requireSame(manifest.description, VectorsManifest.fileName)
            for part in manifest.parts { finished[part.index] = part }
        }
        for name in try Files.list(folder) where name.hasPrefix("part-") && name.hasSuffix(".json") {
            let record = try PartRecord(reading: folder.appending(name))
            try requireSame(record.description, name)
            finished[record.part.index] = record.part
        }
    }

    /// What the folder was finished with; nil where it is not, or where another process has just begun to change it.
    private func manifest() throws -> VectorsManifest? {
        let path = folder.appending(VectorsManifest.fileName)
        guard Files.exists(path) else { return nil }
        do {
            return try VectorsManifest(readingFrom: folder)
        } catch {
            if Files.exists(path) { throw error }
            return nil
        }
    }

    /// Whether a part has a record, in a folder that is not finished; nothing is said of its contents.
    public func hasPart(_ index: Int) -> Bool { Files.exists(folder.appending(VectorsPart.name(index) + ".json")) }

    /// A part of exactly these ordinals that is already there, with files whose digests are the recorded ones.
    public func finishedPart(_ index: Int, _ ordinals: Range<Int>) throws -> VectorsPart? {
        guard let part = finished[index], part.ordinals == ordinals else { return nil }
        for (name, digest) in [(part.vectorsName, part.vectorsDigest), (part.idsName, part.idsDigest)] {
            let path = folder.appending(name)
            guard Files.exists(path), try SHA256Digest.ofFile(path) == digest else {
                finished[index] = nil
                return nil
            }
        }
        return part
    }

    /// Begins a part.
    ///
    /// - Parameters:
    ///   - index: its number, from 0; parts follow the order of ordinals.
    ///   - ordinals: the records that it will hold, one row each, but for those that are left out.
    ///   - leftOut: what is said of each record that is left out: a line of JSON.
    public func part(
        _ index: Int, _ ordinals: Range<Int>, leftOut: [[UInt8]] = []
    ) throws -> VectorPartWriter {
        finished[index] = nil
        let manifest = folder.appending(VectorsManifest.fileName)
        if Files.exists(manifest) {
            // A folder whose parts change is not finished; those that stay are still known after a kill, and to others.
            for part in finished.values where !hasPart(part.index) {
                try PartRecord(description: description, part: part).write(to: folder)
            }
            try Files.remove(manifest)
        }
        return try VectorPartWriter.open(
            folder: folder, description: description, index: index, ordinals: ordinals, leftOut: leftOut)
    }

    /// Takes note of a committed part, or of one that another process has committed or found finished.
    public func accept(_ part: VectorsPart) { finished[part.index] = part }

    /// Writes `vectors.json` for the parts that are there.
    ///
    /// - Parameters:
    ///   - partIndices: the parts that belong to the folder; others, of an earlier division, are removed.
    ///   - prepare: called with what will be written, for what has to be in place by then; what it throws leaves the folder
    ///     unfinished.
    public func finish(
        partIndices: some Sequence<Int>, _ prepare: (VectorsManifest) throws -> Void = { _ in }
    ) throws -> VectorsManifest {
        let wanted = Set(partIndices)
        let parts = finished.values.filter { wanted.contains($0.index) }
            .sorted { ($0.ordinals.lowerBound, $0.index) < ($1.ordinals.lowerBound, $1.index) }
        precondition(parts.count == wanted.count, "finish() comes after all parts")
        let manifest = VectorsManifest(description: description, parts: parts)
        try prepare(manifest)
        try Files.replace(folder.appending(VectorsManifest.fileName), with: manifest.json.pretty())
        let kept = Set(
            parts.flatMap { [$0.vectorsName, $0.idsName] + ($0.leftOutCount > 0 ? [$0.leftOutName] : []) })
        for name in try Files.list(folder) where name.hasPrefix("part-") && !kept.contains(name) {
            try Files.remove(folder.appending(name))
        }
        return manifest
    }

    private func requireSame(_ other: VectorsDescription, _ name: String) throws {
        let differing = description.differences(from: other)
        if differing.isEmpty { return }
        throw Failure(
            .cannotCreate,
            "\(folder) holds other vectors: \(name) differs in \(differing.joined(separator: ", "))",
            advice: "give another --output, or remove the folder to encode again")
    }
}
