/// What the records of a shard are; its raw value is what the shard's header holds.
public enum RecordKind: UInt16, Sendable, CaseIterable {
    case documents = 1
    case queries = 2

    /// What every stored line begins with: the record's id is its first field.
    var linePrefix: StaticString {
        switch self {
        case .documents: "{\"docid\":\""
        case .queries: "{\"query_id\":\""
        }
    }

    /// `document` or `query`, for messages.
    package var singular: String {
        switch self {
        case .documents: "document"
        case .queries: "query"
        }
    }

    package var idField: String {
        switch self {
        case .documents: "docid"
        case .queries: "query_id"
        }
    }
}
