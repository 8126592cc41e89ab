public import Base
public import StoreFormat

/// A version in the chain that leads to a dataset.
public struct LineageVersion: Sendable {
    public let digest: SHA256Digest
    /// Nil where the version is not in this store.
    public let manifest: Manifest?
    /// When it was committed, RFC 3339, from the reference that carries it or else from the reflog; nil where neither knows.
    public let createdAt: String?
    /// References that point at the version now.
    public let references: [String]
}

extension Store {
    /// A dataset and all versions that it descends from, each once, children before parents.
    public func lineage(of reference: String) throws -> [LineageVersion] {
        let index = try readIndex()
        let commits = try reflog().filter { $0.operation == "commit" }
        var versions: [LineageVersion] = []
        var seen: Set<SHA256Digest> = []
        var waiting = [try dataset(reference).digest]
        while !waiting.isEmpty {
            let digest = waiting.removeFirst()
            guard seen.insert(digest).inserted else { continue }
            let manifest = try size(of: digest) != nil ? try manifest(digest) : nil
            let references = index.references.filter { $0.dataset == digest }
            versions.append(
                LineageVersion(
                    digest: digest, manifest: manifest,
                    createdAt: try references.first.flatMap { try createdAt($0) }
                        ?? commits.first { $0.after == digest }?.time,
                    references: references.map(\.name)))
            waiting += manifest?.provenance.parents ?? []
        }
        return versions
    }

    /// Whether a version is another one or descends from it, as far as the manifests tell that are to be had.
    ///
    /// - Parameter elsewhere: gives a manifest that is not in this store; nil where it has none either.
    package func descends(
        _ version: SHA256Digest, from ancestor: SHA256Digest,
        elsewhere: (SHA256Digest) throws -> Manifest? = { _ in nil }
    ) throws -> Bool {
        var seen: Set<SHA256Digest> = []
        var waiting = [version]
        while let digest = waiting.popLast() {
            if digest == ancestor { return true }
            guard seen.insert(digest).inserted else { continue }
            let known = try size(of: digest) != nil ? try manifest(digest) : try elsewhere(digest)
            waiting += known?.provenance.parents ?? []
        }
        return false
    }

    /// Whether the reflog knows that a name pointed at a version once.
    package func hasNamed(_ name: String, _ version: SHA256Digest) throws -> Bool {
        try reflog().contains { $0.reference == name && ($0.before == version || $0.after == version) }
    }

    /// Whether it was a pull that made a name point at a version, and nothing that was done here.
    package func isPulled(_ name: String, _ version: SHA256Digest) throws -> Bool {
        try reflog().last { $0.reference == name && $0.after == version && $0.before != version }?.operation == "pull"
    }
}
