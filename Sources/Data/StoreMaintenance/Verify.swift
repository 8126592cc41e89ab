public import Base
public import Store
internal import StoreFormat

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
    /// What is checked is what the names point at now; a lease holds it, whatever becomes of the names meanwhile. A blob
    /// that several versions share is checked once. Memory: one bit a record of the largest record set, for each worker.
    ///
    /// - Parameters:
    ///   - reference: one dataset; nil for all references.
    ///   - subset: some of the blobs only; manifests are always checked.
    ///   - includesUnnamed: also the SHA-256 of every blob that none of these datasets needs.
    ///   - progress: called with the bytes of each blob that is done.
    /// - Throws: `Failure` with status 66 where there is no dataset `reference`.
    public func verify(
        _ reference: String? = nil, level: VerifyLevel, subset: VerifySubset? = nil, includesUnnamed: Bool = false,
        progress: (Int) -> Void = { _ in }
    ) throws -> VerifyReport {
        let (targets, lease) = try heldVersions(reference)
        defer { withExtendedLifetime(lease) {} }
        let run = VerifyRun(store: self, level: level, subset: subset)
        for target in targets { try run.verify(target, progress) }
        if includesUnnamed { try run.verifyUnnamed(progress) }
        return run.report
    }

    /// The versions that are to be checked, and a lease on them: a name may be moved or removed before its turn comes.
    private func heldVersions(_ reference: String?) throws -> ([NamedVersion], Lease?) {
        let first = try namedVersions(reference)
        let held: Lease?
        do {
            held = try lease(first.map(\.dataset), purpose: "tvt-store verify")
        } catch let error as SystemError {
            // A full disk is no reason not to look.
            log.notice("\(name): checked without a lease, because there can be none: \(error)")
            held = nil
        }
        guard reference == nil else { return (first, held) }
        // What lost its name before the lease began may be gone for good; what got one since is not held.
        let leased = Set(first.map(\.dataset))
        return (try namedVersions(nil).filter { leased.contains($0.dataset) }, held)
    }

    private func namedVersions(_ reference: String?) throws -> [NamedVersion] {
        let index = try readIndex()
        guard let reference else {
            return index.references.map { NamedVersion(name: $0.name, dataset: $0.dataset, image: $0.image) }
        }
        if let found = index[reference] {
            return [NamedVersion(name: found.name, dataset: found.dataset, image: found.image)]
        }
        return [NamedVersion(name: reference, dataset: try datasetDigest(of: reference), image: nil)]
    }

    /// Bytes that ``verify(_:level:subset:includesUnnamed:progress:)`` goes through.
    public func verifiedBytes(_ reference: String? = nil, subset: VerifySubset? = nil) throws -> Int {
        var seen: Set<BlobDescriptor> = []
        for version in try namedVersions(reference) {
            // A manifest that cannot be read is a finding of the run itself.
            if let manifest = try? manifest(version.dataset) { seen.formUnion(manifest.blobs) }
        }
        return seen.reduce(0) { $0 + (subset?.contains($1.digest) ?? true ? $1.size : 0) }
    }
}
