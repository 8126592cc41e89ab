public import JSON

extension DatasetStatistics {
    public var json: JSONValue {
        var json: JSONObject = [
            "reference": .string(reference), "digest": .string(digest),
            "documents": documents.json, "queries": queries.json,
            "links": .object(JSONObject(links.map { ($0.name, $0.json) })),
            "queries_without_positives": JSONValue(queriesWithoutPositives),
            "unlinked_documents": JSONValue(unlinkedDocuments),
        ]
        if let media {
            json["media"] = [
                "items": JSONValue(media.itemCount), "images": JSONValue(media.imageCount),
                "videos": JSONValue(media.videoCount), "audios": JSONValue(media.audioCount),
                "external": JSONValue(media.externalCount), "raw_bytes": JSONValue(media.rawBytes),
                "stored_bytes": JSONValue(media.storedBytes), "index_bytes": JSONValue(media.index.size),
                "shards": JSONValue(media.shards.count),
            ]
        }
        if let aliasCount { json["aliases"] = JSONValue(aliasCount) }
        return .object(json)
    }
}

extension DatasetStatistics.Records {
    var json: JSONValue {
        func object(_ counts: [(name: String, count: Int)]) -> JSONValue {
            .object(JSONObject(counts.map { ($0.name, JSONValue($0.count)) }))
        }
        var json: JSONObject = [
            "count": JSONValue(count), "raw_bytes": JSONValue(rawBytes), "stored_bytes": JSONValue(storedBytes),
            "index_bytes": JSONValue(indexBytes), "dictionary_bytes": JSONValue(dictionaryBytes),
            "shards": JSONValue(shardCount), "bytes": bytes.json, "words": words.json,
            "characters": characters.json, "modalities": object(modalities), "combinations": object(combinations),
            "duplicates": [
                "records": JSONValue(duplicateCount), "contents": JSONValue(duplicatedContentCount),
                "largest": JSONValue(largestDuplicateCount),
            ],
        ]
        if let gain = dictionaryGain {
            json["dictionary_gain"] = [
                "sample_bytes": JSONValue(gain.sampleBytes), "bytes_with": JSONValue(gain.bytesWith),
                "bytes_without": JSONValue(gain.bytesWithout), "saved_share": JSONValue(gain.savedShare),
            ]
        }
        return .object(json)
    }
}

extension DatasetStatistics.LinkTable {
    var json: JSONValue {
        var json: JSONObject = [
            "count": JSONValue(linkCount), "stored_bytes": JSONValue(storedBytes),
            "linked_queries": JSONValue(linkedQueryCount), "per_query": perQuery.json,
        ]
        if let grades {
            json["grades"] = .array(grades.map { ["grade": .number(Double($0.grade)), "count": JSONValue($0.count)] })
        }
        return .object(json)
    }
}
