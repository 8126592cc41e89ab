internal import Base
internal import JSON
internal import Records
internal import Store
internal import StoreFormat

/// What the manifests say: nothing of this reads a record.
extension BrowsedDataset {
    /// The version and its ancestors, children before parents.
    var lineage: JSONValue {
        .array(
            versions.map { version in
                var json: JSONObject = [
                    "digest": .string(version.digest.description),
                    "references": .array(version.references.map { .string($0) }),
                ]
                json["created"] = version.createdAt.map { .string($0) } ?? .null
                guard let manifest = version.manifest else { return .object(json) }
                let provenance = manifest.provenance
                json["counts"] = [
                    "documents": JSONValue(manifest.documents.recordCount),
                    "queries": JSONValue(manifest.queries.recordCount),
                    "positives": JSONValue(manifest.positives?.linkCount ?? 0),
                    "negatives": JSONValue(manifest.negatives?.linkCount ?? 0),
                    "judgements": JSONValue(manifest.judgements.reduce(0) { $0 + $1.links.linkCount }),
                    "media": JSONValue(manifest.media?.itemCount ?? 0),
                ]
                json["tool"] = .string(provenance.tool)
                json["options"] = .object(provenance.options)
                json["statistics"] = .object(provenance.statistics)
                json["inputs"] = .array(
                    provenance.inputs.map {
                        [
                            "uri": .string($0.uri), "size": JSONValue($0.size),
                            "sha256": .string($0.sha256.description),
                        ]
                    })
                json["parents"] = .array(provenance.parents.map { .string($0.description) })
                if let licence = provenance.licence { json["licence"] = .string(licence) }
                return .object(json)
            })
    }

    /// Counts, sizes and lengths.
    var statistics: JSONValue {
        let manifest = dataset.manifest
        func records(_ table: Manifest.RecordTable) -> JSONValue {
            [
                "count": JSONValue(table.recordCount), "rawBytes": JSONValue(table.rawBytes),
                "storedBytes": JSONValue(table.storedBytes), "shards": JSONValue(table.shards.count),
                "indexBytes": JSONValue(table.idIndex.size), "smallest": JSONValue(table.lengths.smallest),
                "largest": JSONValue(table.lengths.largest), "mean": JSONValue(table.lengths.mean),
                "histogram": .array(table.lengths.histogram.map { JSONValue($0) }),
            ]
        }
        var tables: [JSONValue] = []
        func add(_ name: String, _ links: Links?, _ table: Manifest.LinkTable?) {
            guard let links, let table else { return }
            tables.append([
                "name": .string(name), "count": JSONValue(table.linkCount), "hasScores": JSONValue(table.hasScores),
                "storedBytes": JSONValue(table.blob.size),
                "queriesByLinkCount": .array(links.queriesByLinkCount.map { JSONValue($0) }),
            ])
        }
        add("positives", dataset.positives, manifest.positives)
        add("negatives", dataset.negatives, manifest.negatives)
        for ((split, links), table) in zip(dataset.judgements, manifest.judgements) {
            add("judgements \(split)", links, table.links)
        }
        var json: JSONObject = [
            "documents": records(manifest.documents), "queries": records(manifest.queries), "links": .array(tables),
            "logicalDigest": .string(manifest.logicalDigest.description),
        ]
        if let media = manifest.media {
            json["media"] = [
                "items": JSONValue(media.itemCount), "images": JSONValue(media.imageCount),
                "videos": JSONValue(media.videoCount), "audios": JSONValue(media.audioCount),
                "external": JSONValue(media.externalCount), "rawBytes": JSONValue(media.rawBytes),
                "storedBytes": JSONValue(media.storedBytes), "shards": JSONValue(media.shards.count),
            ]
        }
        if let aliases = dataset.aliases { json["aliases"] = JSONValue(aliases.count) }
        return .object(json)
    }
}
