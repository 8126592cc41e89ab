internal import Base
internal import JSON
internal import Store
internal import StoreFormat
internal import SystemPackage

extension Store {
    /// Checks what a manifest says of itself: the numbers that follow from others, and names.
    ///
    /// - Throws: `DamagedBlob` for the first contradiction.
    func checkManifest(_ digest: SHA256Digest) throws {
        let path = located(digest)
        let stored = try JSONValue.parse(checkedBlob(digest), path: path.string)
        let manifest = try Manifest(stored, path: path.string)
        if let field = contradiction(between: manifest.json, and: stored, at: "") {
            throw DamagedBlob(path, "the manifest's \(field) contradicts the rest of it")
        }
        func check(_ isRight: Bool, _ field: String) throws {
            guard isRight else { throw DamagedBlob(path, "the manifest's \(field) contradicts the rest of it") }
        }
        for (name, table) in [("documents", manifest.documents), ("queries", manifest.queries)] {
            try check(table.rawBytes == table.shards.reduce(0) { $0 &+ $1.rawBytes }, "\(name).rawBytes")
            try check(table.lengths.count == table.recordCount, "\(name).lengths.count")
            // A line has a newline.
            try check(table.lengths.total &+ table.recordCount == table.rawBytes, "\(name).lengths.total")
            try check(table.lengths.histogram.reduce(0, &+) == table.recordCount, "\(name).lengths.histogram")
        }
        if let media = manifest.media {
            try check(media.rawBytes == media.shards.reduce(0) { $0 &+ $1.rawBytes }, "media.rawBytes")
            try check(
                media.countByKind.values.reduce(0, &+) <= media.itemCount, "media's counts of images, videos and audios"
            )
        }
        do {
            try Reference.checkName(manifest.name)
        } catch let error as Failure {
            throw DamagedBlob(path, "the manifest's name: \(error.message)")
        }
    }
}

/// The first field in which stored JSON differs from what it should say; fields that are not known may stand beside.
private func contradiction(between expected: JSONValue, and stored: JSONValue, at path: String) -> String? {
    if let fields = expected.object {
        for (name, value) in fields {
            let field = path.isEmpty ? name : "\(path).\(name)"
            guard let found = stored[name] else { return field }
            if let deeper = contradiction(between: value, and: found, at: field) { return deeper }
        }
        return nil
    }
    if let elements = expected.array {
        guard let others = stored.array, others.count == elements.count else { return path }
        for (number, (element, other)) in zip(elements, others).enumerated() {
            if let deeper = contradiction(between: element, and: other, at: "\(path)[\(number)]") { return deeper }
        }
        return nil
    }
    return expected == stored ? nil : path
}
