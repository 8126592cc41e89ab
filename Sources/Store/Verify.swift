public import Base
internal import SystemPackage
internal import Zstandard

/// How deep ``Store/verify(_:level:progress:)`` looks.
public enum VerifyLevel: String, Sendable, CaseIterable {
    /// Every blob exists with its size, its header and its trailer.
    case quick
    /// And: index pages, links in range, every id found at its ordinal, logical digests.
    case meta
    /// And: every byte of every blob is covered by a checksum that holds.
    case data
    /// And: SHA-256 of every blob.
    case full

    static func >= (left: Self, right: Self) -> Bool { left.rank >= right.rank }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// What ``Store/verify(_:level:progress:)`` found.
public struct VerifyReport: Sendable {
    /// Something that is not as it was written.
    public struct Finding: Sendable {
        public let dataset: String
        /// Nil where the fault is not in one blob.
        public let blob: SHA256Digest?
        public let message: String
    }

    public internal(set) var datasetCount = 0
    public internal(set) var blobCount = 0
    public internal(set) var blobBytes = 0
    public internal(set) var recordCount = 0
    public internal(set) var findings: [Finding] = []
}

extension Store {
    /// Checks datasets and their blobs; goes on after a fault, so that one run finds them all.
    ///
    /// A blob that several versions share is checked once. Memory: one bit a record of the largest record set.
    ///
    /// - Parameters:
    ///   - reference: one dataset; nil for all references.
    ///   - progress: called with the bytes of each blob that is done.
    public func verify(
        _ reference: String? = nil, level: VerifyLevel, progress: (Int) -> Void = { _ in }
    ) throws -> VerifyReport {
        let run = VerifyRun(store: self, level: level)
        let names = try reference.map { [$0] } ?? references().map(\.name)
        for name in names { try run.verify(name, progress) }
        return run.report
    }

    /// Bytes that ``verify(_:level:progress:)`` goes through.
    public func verifiedBytes(_ reference: String? = nil) throws -> Int {
        var seen: Set<BlobDescriptor> = []
        for name in try reference.map({ [$0] }) ?? references().map(\.name) {
            // A dataset that cannot be opened is a finding of the run itself.
            if let dataset = try? dataset(name) { seen.formUnion(dataset.manifest.blobs) }
        }
        return seen.reduce(0) { $0 + $1.size }
    }
}

/// One run over some datasets.
final class VerifyRun {
    let store: Store
    let level: VerifyLevel
    var report = VerifyReport()
    private var checked: Set<SHA256Digest> = []

    init(store: Store, level: VerifyLevel) {
        self.store = store
        self.level = level
    }

    func verify(_ name: String, _ progress: (Int) -> Void) throws {
        report.datasetCount += 1
        var dataset: Dataset?
        var manifest: Manifest?
        try noting(name, nil) { dataset = try store.dataset(name) }
        if let dataset {
            manifest = dataset.manifest
        } else {
            // The links may be what keeps it from opening; its other blobs can still be looked at.
            try noting(name, nil, isRepeat: true) { manifest = try store.manifest(name) }
        }
        if let reference = try store.readIndex()[name] {
            try verifyBlob(reference.image, of: name, progress) { _ in
                _ = try store.checkedBlob(reference.image.digest)
            }
        }
        guard let manifest else { return }
        for (kind, table) in [(RecordKind.documents, manifest.documents), (.queries, manifest.queries)] {
            for shard in table.shards {
                try verifyBlob(shard.blob, of: name, progress) { path in
                    let reader = try ShardReader(path, kind: kind, source: store.source)
                    guard reader.recordCount == shard.recordCount, reader.trailer.rawBytes == shard.rawBytes,
                        reader.header.dictionary.map({ digest in
                            table.dictionaries.contains { $0.digest == digest }
                        }) ?? true
                    else { throw DamagedBlob(path, "its counts are not those of the manifest") }
                    if level >= .meta { try reader.checkPages() }
                    if level >= .data { try reader.checkData() }
                }
            }
            for dictionary in table.dictionaries {
                try verifyBlob(dictionary, of: name, progress) { path in
                    // Small, and its name is the only checksum that it has.
                    guard try level == .quick || store.digest(of: path) == dictionary.digest else {
                        throw DamagedBlob(path, "its bytes do not match its name")
                    }
                }
            }
            try verifyBlob(table.idIndex, of: name, progress) { path in
                let index = try IdIndex(path, kind: kind, source: store.source)
                guard index.keyCount == table.recordCount, index.recordsDigest == table.logicalDigest else {
                    throw DamagedBlob(path, "it is the id index of other records")
                }
                if level >= .meta { try index.checkAll() }
            }
        }
        for table in [manifest.positives, manifest.negatives] + manifest.judgements.map(\.links) {
            guard let table else { continue }
            try verifyBlob(table.blob, of: name, progress) { path in
                let links = try Links(path, source: store.source)
                if level >= .meta { try links.checkAll() }
            }
        }
        if let dataset, level >= .meta {
            report.recordCount += dataset.documentCount + dataset.queryCount
            for (records, table) in [(dataset.documents, manifest.documents), (dataset.queries, manifest.queries)]
            where checked.insert(table.logicalDigest).inserted {
                try noting(name, nil) { try records.checkAgainst(table.logicalDigest) }
            }
        }
    }

    /// Checks that a blob exists and has its size, then what its format allows, then its digest.
    private func verifyBlob(
        _ blob: BlobDescriptor, of dataset: String, _ progress: (Int) -> Void, _ check: (FilePath) throws -> Void
    ) throws {
        guard checked.insert(blob.digest).inserted else { return }
        report.blobCount += 1
        report.blobBytes += blob.size
        try Interruption.check()
        try noting(dataset, blob.digest) {
            let path = store.path(of: blob.digest)
            guard let size = try store.size(of: blob.digest) else { throw DamagedBlob(path, "the blob is missing") }
            guard size == blob.size else { throw DamagedBlob(path, "it has \(size) bytes instead of \(blob.size)") }
            try check(path)
            guard try level != .full || store.digest(of: path) == blob.digest else {
                throw DamagedBlob(path, "its bytes do not match its name")
            }
        }
        progress(blob.size)
    }

    /// Turns an error about the store's contents into a finding.
    private func noting(
        _ dataset: String, _ blob: SHA256Digest?, isRepeat: Bool = false, _ body: () throws -> Void
    ) throws {
        do {
            try body()
        } catch let error as Failure where error.exitStatus == .interrupted || error.exitStatus == .missingInput {
            throw error
        } catch {
            guard !isRepeat else { return }
            // The next run is to look at what the server has, not at what is left of this one.
            if let blob { try? store.source?.forget(blob, at: store.path(of: blob)) }
            let message = (error as? DamagedBlob).map { "\($0.path): \($0.reason)" } ?? "\(error)"
            report.findings.append(VerifyReport.Finding(dataset: dataset, blob: blob, message: message))
        }
    }
}

extension Store {
    /// A dataset's manifest without opening its links.
    func manifest(_ name: String) throws -> Manifest? {
        guard let digest = try readIndex()[name]?.dataset ?? SHA256Digest(hex: name) else { return nil }
        return try manifest(digest)
    }
}
