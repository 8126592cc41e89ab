public import Base
public import Store
internal import StoreFormat
internal import SystemPackage
internal import Zstandard

/// How deep ``Store/verify(_:level:subset:includesUnnamed:progress:)`` looks.
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

/// What ``Store/verify(_:level:subset:includesUnnamed:progress:)`` found.
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

/// Some of the blobs: those whose digest falls into the n-th of t equal classes.
public struct VerifySubset: Sendable, Equatable {
    /// From 1 to `total`.
    public let number: Int
    public let total: Int

    /// - Returns: nil unless `text` is `n/t` with 1 ≤ n ≤ t.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 2, let number = parts[0], let total = parts[1], number >= 1, number <= total else {
            return nil
        }
        self.number = number
        self.total = total
    }

    func contains(_ digest: SHA256Digest) -> Bool {
        let start = digest.bytes.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return start % UInt64(total) == UInt64(number - 1)
    }
}

extension Store {
    /// Checks datasets and their blobs; goes on after a fault, so that one run finds them all.
    ///
    /// A blob that several versions share is checked once. Memory: one bit a record of the largest record set, for each
    /// worker.
    ///
    /// - Parameters:
    ///   - reference: one dataset; nil for all references.
    ///   - subset: some of the blobs only; manifests are always checked.
    ///   - includesUnnamed: also the SHA-256 of every blob that none of these datasets needs.
    ///   - progress: called with the bytes of each blob that is done.
    public func verify(
        _ reference: String? = nil, level: VerifyLevel, subset: VerifySubset? = nil, includesUnnamed: Bool = false,
        progress: (Int) -> Void = { _ in }
    ) throws -> VerifyReport {
        let run = VerifyRun(store: self, level: level, subset: subset)
        let names = try reference.map { [$0] } ?? references().map(\.name)
        for name in names { try run.verify(name, progress) }
        if includesUnnamed { try run.verifyUnnamed(progress) }
        return run.report
    }

    /// Bytes that ``verify(_:level:subset:includesUnnamed:progress:)`` goes through.
    public func verifiedBytes(_ reference: String? = nil, subset: VerifySubset? = nil) throws -> Int {
        var seen: Set<BlobDescriptor> = []
        for name in try reference.map({ [$0] }) ?? references().map(\.name) {
            // A dataset that cannot be opened is a finding of the run itself.
            if let dataset = try? dataset(name) { seen.formUnion(dataset.manifest.blobs) }
        }
        return seen.reduce(0) { $0 + (subset?.contains($1.digest) ?? true ? $1.size : 0) }
    }
}

/// One run over some datasets.
final class VerifyRun {
    /// What a worker does: throws for a fault.
    private struct Check: Sendable {
        let dataset: String
        /// Nil for a check of records as a whole.
        let blob: BlobDescriptor?
        let body: @Sendable () throws -> Void
    }

    let store: Store
    let level: VerifyLevel
    let subset: VerifySubset?
    var report = VerifyReport()
    private var checked: Set<SHA256Digest> = []

    init(store: Store, level: VerifyLevel, subset: VerifySubset?) {
        self.store = store
        self.level = level
        self.subset = subset
    }

    func verify(_ name: String, _ progress: (Int) -> Void) throws {
        report.datasetCount += 1
        let store = store
        let level = level
        var dataset: Dataset?
        var manifest: Manifest?
        try noting(name, nil) { dataset = try store.dataset(name) }
        if let dataset {
            manifest = dataset.manifest
        } else {
            // The links may be what keeps it from opening; its other blobs can still be looked at.
            try noting(name, nil, isRepeat: true) { manifest = try store.manifest(name) }
        }
        var checks: [Check] = []
        if let reference = try store.readIndex()[name], checked.insert(reference.image.digest).inserted {
            checks.append(
                blobCheck(reference.image, of: name) { _ in _ = try store.checkedBlob(reference.image.digest) })
        }
        guard let manifest else { return try run(checks, progress) }
        func add(_ blob: BlobDescriptor, _ body: @escaping @Sendable (FilePath) throws -> Void) {
            guard subset?.contains(blob.digest) ?? true, checked.insert(blob.digest).inserted else { return }
            checks.append(blobCheck(blob, of: name, body))
        }
        for (kind, table) in [(RecordKind.documents, manifest.documents), (.queries, manifest.queries)] {
            let dictionaries = Set(table.dictionaries.map(\.digest))
            for shard in table.shards {
                add(shard.blob) { path in
                    let reader = try ShardReader(path, kind: ShardKind(kind), origin: store.origin)
                    guard reader.recordCount == shard.recordCount, reader.trailer.rawBytes == shard.rawBytes,
                        reader.header.dictionary.map({ dictionaries.contains($0) }) ?? true
                    else { throw DamagedBlob(path, "its counts are not those of the manifest") }
                    if level >= .meta { try reader.checkPages() }
                    if level >= .data { try reader.checkData() }
                }
            }
            for dictionary in table.dictionaries {
                add(dictionary) { path in
                    // Small, and its name is the only checksum that it has.
                    guard try level == .quick || store.digest(of: path) == dictionary.digest else {
                        throw DamagedBlob(path, "its bytes do not match its name")
                    }
                }
            }
            add(table.idIndex) { path in
                let index = try IdIndex(path, kind: ShardKind(kind), origin: store.origin)
                guard index.keyCount == table.recordCount, index.recordsDigest == table.logicalDigest else {
                    throw DamagedBlob(path, "it is the id index of other records")
                }
                if level >= .meta { try index.checkAll() }
            }
        }
        if let table = manifest.media {
            for shard in table.shards {
                add(shard.blob) { path in
                    let reader = try ShardReader(path, kind: .media, origin: store.origin)
                    guard reader.recordCount == shard.recordCount, reader.trailer.rawBytes == shard.rawBytes else {
                        throw DamagedBlob(path, "its counts are not those of the manifest")
                    }
                    if level >= .meta { try reader.checkPages() }
                    if level >= .data { try reader.checkData() }
                }
            }
            add(table.index) { path in
                let index = try IdIndex(path, kind: .media, origin: store.origin)
                guard index.keyCount == table.itemCount, index.recordsDigest == table.itemsDigest else {
                    throw DamagedBlob(path, "it is the index of other media")
                }
                if level >= .meta { try index.checkAll() }
            }
        }
        for table in [manifest.positives, manifest.negatives] + manifest.judgements.map(\.links) {
            guard let table else { continue }
            add(table.blob) { path in
                let links = try Links(path, origin: store.origin)
                if level >= .meta { try links.checkAll() }
            }
        }
        if let aliases = manifest.aliases {
            add(aliases) { path in
                let aliases = try AliasMap(path, origin: store.origin)
                if level >= .meta { try aliases.checkAll() }
            }
        }
        if let dataset, level >= .meta {
            report.recordCount += dataset.documentCount + dataset.queryCount
            for (records, table) in [(dataset.documents, manifest.documents), (dataset.queries, manifest.queries)]
            where subset?.contains(table.idIndex.digest) ?? true && checked.insert(table.logicalDigest).inserted {
                checks.append(
                    Check(dataset: name, blob: nil) { try records.checkAgainst(table.logicalDigest) })
            }
            if let table = manifest.media, let media = dataset.media, subset?.contains(table.index.digest) ?? true {
                if checked.insert(table.itemsDigest).inserted {
                    checks.append(Check(dataset: name, blob: nil) { try media.checkAgainst(table.itemsDigest) })
                }
                checks.append(Check(dataset: name, blob: nil) { try dataset.checkMediaReferences(table) })
            }
        }
        try run(checks, progress)
    }

    /// Checks the SHA-256 of all blobs that the datasets so far do not need.
    func verifyUnnamed(_ progress: (Int) -> Void) throws {
        // A server does not tell what else it has.
        guard store.server == nil, Files.isDirectory(store.layout.blobs) else { return }
        var checks: [Check] = []
        for name in try Files.list(store.layout.blobs) {
            guard let digest = SHA256Digest(hex: name), digest.hex == name, subset?.contains(digest) ?? true,
                checked.insert(digest).inserted, let size = try? Files.size(store.layout.blob(digest))
            else { continue }
            checks.append(
                blobCheck(BlobDescriptor(digest: digest, size: size), of: "(no dataset)") { path in
                    guard try SHA256Digest.ofFile(path) == digest else {
                        throw DamagedBlob(path, "its bytes do not match its name")
                    }
                })
        }
        try run(checks, progress)
    }

    /// Checks that a blob exists and has its size, then what its format allows, then its digest.
    private func blobCheck(
        _ blob: BlobDescriptor, of dataset: String, _ body: @escaping @Sendable (FilePath) throws -> Void
    ) -> Check {
        let store = store
        let level = level
        return Check(dataset: dataset, blob: blob) {
            let proper = store.path(of: blob.digest)
            if store.server == nil, !Files.exists(proper), let reason = store.quarantineReason(blob.digest) {
                throw DamagedBlob(proper, "the blob is in quarantine: \(reason)")
            }
            let path = store.server == nil ? store.located(blob.digest) : proper
            guard let size = try store.size(of: blob.digest) else { throw DamagedBlob(path, "the blob is missing") }
            guard size == blob.size else { throw DamagedBlob(path, "it has \(size) bytes instead of \(blob.size)") }
            try body(path)
            guard try level != .full || store.digest(of: path) == blob.digest else {
                throw DamagedBlob(path, "its bytes do not match its name")
            }
        }
    }

    /// Runs the checks on all cores; findings come in the order of the checks.
    private func run(_ checks: [Check], _ progress: (Int) -> Void) throws {
        var next = 0
        try orderedPipeline(
            workers: checks.count > 1 ? processorCount : 0, window: 2 * processorCount,
            read: { () -> Check? in
                guard next < checks.count else { return nil }
                try Interruption.check()
                next += 1
                return checks[next - 1]
            },
            transform: { check in (check, Result { try check.body() }) },
            write: { (check, result) in
                if let blob = check.blob {
                    report.blobCount += 1
                    report.blobBytes += blob.size
                }
                try noting(check.dataset, check.blob?.digest) { try result.get() }
                progress(check.blob?.size ?? 0)
            })
    }

    /// Turns an error about the store's contents into a finding.
    private func noting(
        _ dataset: String, _ blob: SHA256Digest?, isRepeat: Bool = false, _ body: () throws -> Void
    ) throws {
        do {
            try body()
        } catch let error as Failure where error.exitStatus == .interrupted || error.exitStatus == .missingInput {
            throw error
        } catch let error as any StatusError where error.exitStatus == .unavailable {
            // A server that does not answer says nothing about what is stored.
            throw error
        } catch {
            guard !isRepeat else { return }
            // The next run is to look at what the server has, not at what is left of this one.
            if let blob { _ = try? store.origin.forget(store.path(of: blob)) }
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
