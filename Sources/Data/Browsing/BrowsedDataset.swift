internal import Base
internal import JSON
internal import Records
public import Store

/// A dataset and what its pages show, as JSON. May be asked from any thread.
///
/// Memory: the manifests of its lineage; a request takes the records that it shows.
public final class BrowsedDataset: Sendable {
    let store: Store
    let dataset: Dataset
    /// The version and its ancestors, children before parents.
    let versions: [LineageVersion]

    public init(_ dataset: Dataset, in store: Store) throws {
        self.store = store
        self.dataset = dataset
        versions = try store.lineage(of: dataset.reference)
    }

    /// What every page needs to know.
    ///
    /// - Parameter model: what the page calls the model whose view of records is shown; nil where there is none.
    func overview(model: String?) -> JSONValue {
        let manifest = dataset.manifest
        var json: JSONObject = [
            "reference": .string(dataset.reference), "name": .string(manifest.name),
            "digest": .string(dataset.digest.description),
            "documents": JSONValue(dataset.documentCount), "queries": JSONValue(dataset.queryCount),
            "positives": JSONValue(manifest.positives?.linkCount ?? 0),
            "negatives": JSONValue(manifest.negatives?.linkCount ?? 0),
            "judgements": .array(
                manifest.judgements.map {
                    ["split": .string($0.split), "count": JSONValue($0.links.linkCount)]
                }),
            "media": JSONValue(dataset.mediaCount),
        ]
        json["mining"] = mining ?? .null
        json["model"] = model.map { .string($0) } ?? .null
        return .object(json)
    }

    /// How the negatives were found: the newest version of the lineage that a tool mined.
    private var mining: JSONValue? {
        guard dataset.negatives != nil else { return nil }
        for version in versions {
            guard let provenance = version.manifest?.provenance, provenance.tool.hasPrefix("tvt-mine negatives") else {
                continue
            }
            return [
                "tool": .string(provenance.tool), "options": .object(provenance.options),
                "inputs": .array(provenance.inputs.map { .string($0.uri) }),
            ]
        }
        return nil
    }

    /// A query with the first links of each of its lists.
    func query(_ ordinal: Int, isWhole: Bool) throws -> JSONValue {
        try check(ordinal, below: dataset.queryCount, "query")
        var card = RecordCard(isWhole: isWhole).json(try dataset.query(ordinal), ordinal: ordinal)
        card["media"] = try media(card["media"])
        return [
            "query": .object(card),
            "lists": .array(try LinkList.all(of: ordinal, in: self).map { try $0.json(from: 0, limit: 20) }),
        ]
    }

    /// More links of one of a query's lists.
    ///
    /// - Parameter key: as the list names itself.
    func links(of ordinal: Int, list key: String, from: Int, limit: Int) throws -> JSONValue {
        try check(ordinal, below: dataset.queryCount, "query")
        guard let list = try LinkList.all(of: ordinal, in: self).first(where: { $0.key == key }) else {
            throw BrowseError(404, "query \(ordinal) has no list of this name")
        }
        return try list.json(from: from, limit: limit)
    }

    func document(_ ordinal: Int, isWhole: Bool) throws -> JSONObject {
        try check(ordinal, below: dataset.documentCount, "document")
        var card = RecordCard(isWhole: isWhole).json(try dataset.document(ordinal), ordinal: ordinal)
        card["media"] = try media(card["media"])
        if let aliases = dataset.aliases {
            let representative = try aliases.representative(of: ordinal)
            if representative != ordinal { card["duplicateOf"] = JSONValue(representative) }
        }
        return card
    }

    /// The ordinal of an id.
    func find(_ kind: RecordList.Kind, id: [UInt8]) throws -> JSONValue {
        let ordinal = try kind == .queries ? dataset.queryOrdinal(id: id) : dataset.documentOrdinal(id: id)
        guard let ordinal else { throw BrowseError(404, "there is no \(kind.singular) \(escaped(id.prefix(200)))") }
        return ["ordinal": JSONValue(ordinal)]
    }

    /// Adds to each item of media whether the dataset has it, and where it is served.
    private func media(_ entries: JSONValue?) throws -> JSONValue {
        .array(
            try (entries?.array ?? []).map { entry in
                guard var item = entry.object else { return entry }
                let digest = item["digest"]?.string.flatMap { SHA256Digest(hex: $0) }
                if let digest, let number = try dataset.mediaNumber(of: digest) {
                    item["url"] = .string("/media/\(digest.hex)")
                    item["size"] = JSONValue(try dataset.mediaByteCount(number))
                }
                return .object(item)
            })
    }

    private func check(_ ordinal: Int, below count: Int, _ kind: String) throws {
        guard (0..<count).contains(ordinal) else {
            throw BrowseError(404, "there is no \(kind) \(ordinal): the dataset has \(count)")
        }
    }
}
