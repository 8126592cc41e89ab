internal import Base
internal import JSON
internal import Store
internal import SystemPackage

/// All blobs that references, recent changes of references, and living jobs need.
///
/// Memory: one entry a blob, not one a record.
struct Reachability {
    private(set) var digests: Set<SHA256Digest> = []
    /// Versions that are kept; each is a dataset manifest.
    private(set) var versions: Set<SHA256Digest> = []
    private(set) var referenceCount = 0
    private(set) var reflogCount = 0
    private(set) var leaseCount = 0

    /// - Parameter reflogSince: changes from this time on are roots, in seconds since 1970.
    /// - Throws: `Failure` with status 65 where a manifest cannot be read: what it names is then not known.
    init(store: Store, reflogSince: Double, leases: [LeaseRecord]) throws {
        for reference in try store.readIndex().references {
            referenceCount += 1
            digests.insert(reference.image.digest)
            // The image names all blobs as well, those of a newer tvt's kinds too.
            let image = try Self.json(reference.image.digest, in: store, wantedBy: "the reference \(reference.name)")
            for descriptor in [image?["config"]].compactMap({ $0 }) + (image?["layers"]?.array ?? []) {
                if let digest = descriptor["digest"]?.string.flatMap({ SHA256Digest(hex: $0) }) {
                    digests.insert(digest)
                }
            }
            try add(reference.dataset, in: store, isNamed: true, wantedBy: "the reference \(reference.name)")
        }
        for (entry, time) in try store.datedReflog() {
            if let time, time < reflogSince { continue }
            for digest in [entry.before, entry.after].compactMap({ $0 }) {
                reflogCount += 1
                try add(digest, in: store, isNamed: false, wantedBy: "the reflog")
            }
        }
        for lease in leases {
            leaseCount += 1
            for digest in lease.datasets {
                try add(digest, in: store, isNamed: false, wantedBy: "the lease of \(lease.purpose)")
            }
        }
    }

    func contains(_ digest: SHA256Digest) -> Bool { digests.contains(digest) }

    /// Notes an OCI manifest of a version that is kept.
    mutating func insert(image digest: SHA256Digest) { digests.insert(digest) }

    /// - Parameter isNamed: a reference's manifest must be there; that of an old change may be gone for good.
    private mutating func add(
        _ version: SHA256Digest, in store: Store, isNamed: Bool, wantedBy root: String
    ) throws {
        guard !versions.contains(version) else { return }
        if !isNamed, !Files.exists(store.located(version)) { return }
        do {
            digests.formUnion(try store.manifest(version).blobs.map(\.digest))
        } catch {
            throw Self.unreadable(version, root, error)
        }
        versions.insert(version)
        digests.insert(version)
    }

    private static func json(_ digest: SHA256Digest, in store: Store, wantedBy root: String) throws -> JSONValue? {
        do {
            return try JSONValue.parse(store.checkedBlob(digest), path: digest.description)
        } catch {
            throw unreadable(digest, root, error)
        }
    }

    private static func unreadable(_ digest: SHA256Digest, _ root: String, _ error: any Error) -> Failure {
        Failure(
            .badData, "the manifest \(digest) of \(root) cannot be read, so nothing can be collected: \(error)",
            advice: "`tvt-store repair` restores it, or remove the name.")
    }
}
