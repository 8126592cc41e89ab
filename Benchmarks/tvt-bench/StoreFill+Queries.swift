internal import Base
internal import Store

extension StoreFill {
    /// Queries with one positive and seven negatives each, drawn from the documents; some without any positive.
    func synthesiseQueries(to writer: DatasetWriter) throws {
        var random = SplitMix64(seed: 8)
        let documentCount = UInt64(writer.documentCount)
        for number in 0..<queries {
            let id = Array("query-\(number)".utf8)
            let line = Array("{\"query_id\":\"query-\(number)\",\"query_text\":\"what is number \(number)\"}".utf8)
            let targets = (0..<8).map { _ in UInt32(random.next(below: documentCount)) }
            let isLinked = linkedShare >= 1 || random.nextUnit() < linkedShare
            try id.withUnsafeBytes { id in
                try line.withUnsafeBytes {
                    _ = try writer.appendQuery(
                        id: id, record: $0, positives: isLinked ? Array(targets[..<1]) : [],
                        negatives: Array(targets[1...]))
                }
            }
        }
    }
}
