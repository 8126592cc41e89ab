public import Base

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
}
