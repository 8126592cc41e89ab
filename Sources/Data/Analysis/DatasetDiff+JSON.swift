internal import Base
public import JSON

extension DatasetDiff {
    public var json: JSONValue {
        func side(_ reference: String, _ digest: SHA256Digest, _ logicalDigest: SHA256Digest) -> JSONValue {
            [
                "reference": .string(reference), "digest": .string(digest.description),
                "logical_digest": .string(logicalDigest.description),
            ]
        }
        return [
            "equal": JSONValue(isEqual),
            "old": side(old.reference, old.digest, old.manifest.logicalDigest),
            "new": side(new.reference, new.digest, new.manifest.logicalDigest),
            "documents": documents.json, "queries": queries.json,
            "links": .object(JSONObject(links.map { ($0.name, $0.json) })),
        ]
    }
}

extension DatasetDiff.Records {
    var json: JSONValue {
        func ids(_ ids: [[UInt8]]) -> JSONValue { .array(ids.map { .string(idText($0)) }) }
        return [
            "old": JSONValue(oldCount), "new": JSONValue(newCount), "added": JSONValue(addedCount),
            "removed": JSONValue(removedCount), "changed": JSONValue(changedCount),
            "reordered": JSONValue(isReordered),
            "examples": ["added": ids(added), "removed": ids(removed), "changed": ids(changed)],
        ]
    }
}

extension DatasetDiff.LinkTable {
    var json: JSONValue {
        func ids(_ ids: [[UInt8]]) -> JSONValue { .array(ids.map { .string(idText($0)) }) }
        return [
            "old": JSONValue(oldCount), "new": JSONValue(newCount), "added": JSONValue(addedCount),
            "removed": JSONValue(removedCount), "rescored": JSONValue(rescoredCount),
            "queries": JSONValue(changedQueryCount), "reordered_queries": JSONValue(reorderedQueryCount),
            "examples": .array(
                changed.map { query in
                    [
                        "query_id": .string(idText(query.id)), "added": ids(query.added),
                        "removed": ids(query.removed), "rescored": ids(query.rescored),
                    ]
                }),
        ]
    }
}
