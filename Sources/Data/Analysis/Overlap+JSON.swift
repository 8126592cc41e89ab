internal import Base
public import JSON

/// Ids are opaque bytes; stored ones are valid UTF-8, so nothing is repaired here.
func idText(_ id: [UInt8]) -> String { String(decoding: id, as: UTF8.self) }

extension Overlap {
    public var json: JSONValue {
        [
            "training": [
                "reference": .string(training.reference), "digest": .string(training.digest.description),
                "queries": JSONValue(trainingQueryCount), "positive_documents": JSONValue(trainingDocumentCount),
            ],
            "evaluations": .array(
                evaluations.map { evaluation in
                    [
                        "reference": .string(evaluation.dataset.reference),
                        "digest": .string(evaluation.dataset.digest.description),
                        "queries": evaluation.queries.json(isOfDocuments: false),
                        "documents": evaluation.documents.json(isOfDocuments: true),
                    ]
                }),
        ]
    }
}

extension Overlap.Side {
    func json(isOfDocuments: Bool) -> JSONValue {
        var json: JSONObject = ["count": JSONValue(count), "shared": JSONValue(sharedCount)]
        for level in OverlapLevel.allCases { json[level.name] = JSONValue(shared[level.rawValue]) }
        if isOfDocuments {
            json["relevant"] = JSONValue(relevantCount)
            json["shared_relevant"] = JSONValue(sharedRelevantCount)
        }
        json["shared_of_training"] = JSONValue(trainingCount)
        json["examples"] = .array(
            examples.map { example in
                var json: JSONObject = [
                    "level": .string(example.level.name), "evaluation_id": .string(idText(example.evaluationID)),
                    "training_id": .string(idText(example.trainingID)),
                ]
                if let similarity = example.similarity { json["similarity"] = .number(similarity) }
                return .object(json)
            })
        return .object(json)
    }
}
