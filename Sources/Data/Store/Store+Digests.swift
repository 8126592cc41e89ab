package import Base
internal import JSON
internal import StoreFormat
internal import SystemPackage

extension Store {
    /// The version that a digest names, which is given in full or by its first digits.
    ///
    /// - Parameter text: the digest of a manifest, or of the OCI manifest that carries one.
    /// - Throws: `Failure` with status 66 where there is no such version, which lists near names where the text is no
    ///   digest; with 64 where several versions have digests that begin so.
    package func datasetDigest(of text: String) throws -> SHA256Digest {
        if let digest = SHA256Digest(hex: text) {
            guard try size(of: digest) != nil else { throw Failure(.missingInput, "\(name) has no dataset \(digest)") }
            return try carriedDataset(digest) ?? digest
        }
        guard let prefix = DigestPrefix(text) else {
            throw Failure(
                .missingInput, "\(name) has no dataset \(escaped(text.utf8))",
                advice: Self.advice(for: text, among: try references().map(\.name)))
        }
        let found = try datasets(startingWith: prefix).sorted()
        guard let first = found.first else {
            throw Failure(
                .missingInput, "\(name) has no dataset whose digest begins with \(prefix)",
                advice: "`tvt-store reflog` lists the digests of all versions that had a name.")
        }
        guard found.count == 1 else {
            throw Failure(
                .usage, "\(found.count) datasets of \(name) have digests that begin with \(prefix)",
                advice: "Give more digits: \(found.prefix(8).map(\.description).joined(separator: ", ")).")
        }
        return first
    }

    /// Versions whose digests, or those of the OCI manifests that carry them, begin so: what names point at or have pointed
    /// at, and what lies in the folder without a name.
    private func datasets(startingWith prefix: DigestPrefix) throws -> Set<SHA256Digest> {
        var found: Set<SHA256Digest> = []
        for reference in try references() {
            if prefix.matches(reference.dataset) || prefix.matches(reference.image.digest) {
                found.insert(reference.dataset)
            }
        }
        guard server == nil else { return found }
        for entry in try reflog() {
            for digest in [entry.before, entry.after].compactMap({ $0 })
            where prefix.matches(digest) && !found.contains(digest) && Files.exists(located(digest)) {
                found.insert(digest)
            }
        }
        for folder in [layout.blobs, layout.trash] where Files.isDirectory(folder) {
            for name in try Files.list(folder) {
                guard let digest = SHA256Digest(hex: name), prefix.matches(digest), !found.contains(digest) else {
                    continue
                }
                if let dataset = try carriedDataset(digest) { found.insert(dataset) }
            }
        }
        return found
    }

    /// The dataset that a blob is the manifest of, or the OCI manifest of; nil for any other blob.
    private func carriedDataset(_ digest: SHA256Digest) throws -> SHA256Digest? {
        // Ten thousand shards are less than 16 MiB.
        guard let size = try size(of: digest), size < 1 << 28,
            let json = try? JSONValue.parse(blobBytes(digest), path: layout.blob(digest).string)
        else { return nil }
        switch json["mediaType"]?.string {
        case Manifest.mediaType: return digest
        case ImageManifest.mediaType: return json["config"]?["digest"]?.string.flatMap { SHA256Digest(hex: $0) }
        default: return nil
        }
    }
}
