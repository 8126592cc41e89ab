internal import Base
public import JSON
internal import Records

extension Manifest {
    /// The blob's bytes: canonical JSON, so that equal manifests have equal digests.
    public var canonicalBytes: [UInt8] { json.canonical() }

    public var json: JSONValue {
        var links = JSONObject()
        if let positives { links["positives"] = positives.json }
        if let negatives { links["negatives"] = negatives.json }
        if !judgements.isEmpty {
            links["judgements"] = .array(
                judgements.map { table in
                    var json = table.links.fields
                    json["split"] = .string(table.split)
                    return .object(json)
                })
        }
        var json: JSONObject = [
            "schemaVersion": JSONValue(Self.schemaVersion),
            "mediaType": .string(Self.mediaType),
            "name": .string(name),
            "counts": [
                "documents": JSONValue(documents.recordCount),
                "queries": JSONValue(queries.recordCount),
                "positives": JSONValue(positives?.linkCount ?? 0),
                "negatives": JSONValue(negatives?.linkCount ?? 0),
                "judgements": JSONValue(judgements.reduce(0) { $0 + $1.links.linkCount }),
                "rawBytes": JSONValue(documents.rawBytes + queries.rawBytes),
            ],
            "documents": documents.json,
            "queries": queries.json,
            "links": .object(links),
            "logicalDigest": .string(logicalDigest.description),
            "provenance": provenance.json,
        ]
        if let aliases { json["aliases"] = aliases.json }
        if let media { json["media"] = media.json }
        return .object(json)
    }

    /// - Throws: `InputError` that names the field which is missing or wrong.
    package init(_ json: JSONValue, path: String) throws {
        let root = ManifestFields(json, path: path, field: "")
        guard try root.string("mediaType") == Self.mediaType else {
            throw root.wrong("mediaType", "this is not a tvt dataset")
        }
        let version = try root.integer("schemaVersion")
        guard version == Self.schemaVersion else {
            throw root.wrong("schemaVersion", "version \(version) is not known; use a newer tvt")
        }
        let links = try root.fields("links")
        var judgements: [JudgementTable] = []
        for table in try links.optionalArray("judgements") {
            judgements.append(JudgementTable(split: try table.string("split"), links: try LinkTable(table)))
        }
        try links.checkSum("judgements", judgements.lazy.map(\.links.linkCount))
        self.init(
            name: try root.string("name"),
            documents: try RecordTable(root.fields("documents")),
            queries: try RecordTable(root.fields("queries")),
            positives: try links.optionalFields("positives").map { try LinkTable($0) },
            negatives: try links.optionalFields("negatives").map { try LinkTable($0) },
            judgements: judgements, aliases: try root.optionalFields("aliases")?.blob(),
            media: try root.optionalFields("media").map { try MediaTable($0) },
            provenance: try Provenance(root.fields("provenance")))
        guard try root.digest("logicalDigest") == logicalDigest else {
            throw root.wrong("logicalDigest", "it does not fit the digests of the parts")
        }
    }
}

extension Manifest.RecordTable {
    package var json: JSONValue {
        [
            "count": JSONValue(recordCount),
            "rawBytes": JSONValue(rawBytes),
            "storedBytes": JSONValue(storedBytes),
            "logicalDigest": .string(logicalDigest.description),
            "dictionaries": .array(dictionaries.map(\.json)),
            "idIndex": idIndex.json,
            "shards": Manifest.Shard.json(shards),
            "lengths": lengths.json,
        ]
    }

    package init(_ fields: ManifestFields) throws {
        let shards = try fields.array("shards").map { try Manifest.Shard($0) }
        try fields.checkSum("shards", shards.lazy.map(\.blob.size))
        self.init(
            recordCount: try fields.count("count"), rawBytes: try fields.count("rawBytes"),
            logicalDigest: try fields.digest("logicalDigest"),
            dictionaries: try fields.array("dictionaries").map { try $0.blob() },
            idIndex: try fields.fields("idIndex").blob(), shards: shards,
            lengths: try LengthStatistics(fields.fields("lengths")))
        guard recordCount <= Int(UInt32.max), shards.allSatisfy({ $0.recordCount <= recordCount }),
            shards.reduce(0, { $0 + $1.recordCount }) == recordCount
        else { throw fields.wrong("count", "the shards hold another number of records") }
    }
}

extension Manifest.Shard {
    package static func json(_ shards: [Self]) -> JSONValue {
        var first = 0
        return .array(
            shards.map { shard in
                var fields = JSONObject(shard.blob.fields)
                fields["records"] = JSONValue(shard.recordCount)
                fields["firstOrdinal"] = JSONValue(first)
                fields["frames"] = JSONValue(shard.frameCount)
                fields["rawBytes"] = JSONValue(shard.rawBytes)
                first += shard.recordCount
                return .object(fields)
            })
    }

    package init(_ fields: ManifestFields) throws {
        self.init(
            blob: try fields.blob(), recordCount: try fields.count("records"), frameCount: try fields.count("frames"),
            rawBytes: try fields.count("rawBytes"))
    }
}

extension Manifest.MediaTable {
    /// The manifest's name for items of a kind.
    private static func field(_ kind: MediaKind) -> String {
        switch kind {
        case .image: "images"
        case .video: "videos"
        case .audio: "audios"
        }
    }

    package var json: JSONValue {
        var json: JSONObject = [
            "items": JSONValue(itemCount), "rawBytes": JSONValue(rawBytes), "storedBytes": JSONValue(storedBytes),
            "external": JSONValue(externalCount), "itemsDigest": .string(itemsDigest.description),
            "index": index.json, "shards": Manifest.Shard.json(shards),
        ]
        for kind in MediaKind.allCases { json[Self.field(kind)] = JSONValue(countByKind[kind] ?? 0) }
        return .object(json)
    }

    package init(_ fields: ManifestFields) throws {
        var countByKind: [MediaKind: Int] = [:]
        for kind in MediaKind.allCases {
            let count = try fields.count(Self.field(kind))
            if count > 0 { countByKind[kind] = count }
        }
        self.init(
            itemCount: try fields.count("items"), rawBytes: try fields.count("rawBytes"), countByKind: countByKind,
            externalCount: try fields.count("external"), itemsDigest: try fields.digest("itemsDigest"),
            index: try fields.fields("index").blob(),
            shards: try fields.array("shards").map { try Manifest.Shard($0) })
        try fields.checkSum("shards", shards.lazy.map(\.blob.size))
        guard itemCount < Int(UInt32.max), shards.allSatisfy({ $0.recordCount <= itemCount }),
            shards.reduce(0, { $0 + $1.recordCount }) == itemCount
        else { throw fields.wrong("items", "the shards hold another number of items") }
    }
}

extension Manifest.LinkTable {
    package var fields: JSONObject {
        var fields = JSONObject(blob.fields)
        fields["links"] = JSONValue(linkCount)
        fields["logicalDigest"] = .string(logicalDigest.description)
        fields["scores"] = JSONValue(hasScores)
        return fields
    }

    package var json: JSONValue { .object(fields) }

    package init(_ fields: ManifestFields) throws {
        self.init(
            blob: try fields.blob(), linkCount: try fields.count("links"),
            logicalDigest: try fields.digest("logicalDigest"), hasScores: try fields.bool("scores"))
    }
}

extension BlobDescriptor {
    package var json: JSONValue { .object(JSONObject(fields)) }
}

extension LengthStatistics {
    package var json: JSONValue {
        [
            "count": JSONValue(count), "total": JSONValue(total), "smallest": JSONValue(smallest),
            "largest": JSONValue(largest), "histogram": .array(histogram.map { JSONValue($0) }),
        ]
    }

    init(_ fields: ManifestFields) throws {
        self.init(
            count: try fields.count("count"), total: try fields.count("total"),
            smallest: try fields.count("smallest"), largest: try fields.count("largest"),
            histogram: try fields.values("histogram").map { value in
                guard let count = value.integer else { throw fields.wrong("histogram", "not an integer") }
                return count
            })
    }
}

extension Provenance {
    package var json: JSONValue {
        var json: JSONObject = [
            "tool": .string(tool),
            "options": .object(options),
            "inputs": .array(
                inputs.map { input in
                    [
                        "uri": .string(input.uri), "size": JSONValue(input.size),
                        "sha256": .string(input.sha256.description),
                    ]
                }),
            "parents": .array(parents.map { .string($0.description) }),
            "statistics": .object(statistics),
        ]
        if let licence { json["licence"] = .string(licence) }
        return .object(json)
    }

    package init(_ fields: ManifestFields) throws {
        self.init(
            tool: try fields.string("tool"), options: try fields.object("options"),
            inputs: try fields.array("inputs").map { input in
                Input(
                    uri: try input.string("uri"), size: try input.count("size"), sha256: try input.digest("sha256"))
            },
            parents: try fields.values("parents").map { value in
                guard let digest = value.string.flatMap({ SHA256Digest(hex: $0) }) else {
                    throw fields.wrong("parents", "not a digest")
                }
                return digest
            },
            statistics: try fields.object("statistics"),
            licence: try fields.optionalString("licence"))
    }
}
