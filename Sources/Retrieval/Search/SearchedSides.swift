internal import Base
internal import Vectors

/// The folders of a search, checked: whether they belong together, and whether they are all there.
struct SearchedSides {
    let queries: VectorsSet
    let corpus: VectorsSet

    /// - Throws: `Failure` that names the folders and the field that differs, or what is missing.
    init(queries: VectorsReader, corpus: [VectorsReader], options: SearchOptions) throws {
        self.queries = try VectorsSet([queries])
        self.corpus = try VectorsSet(corpus, allowsMixture: options.allowsMismatch)
        if let mismatch = Self.mismatch(queries, corpus) {
            guard options.allowsMismatch else { throw mismatch }
        } else if options.allowsMismatch, !self.corpus.isMixture {
            log.notice("--allow-mismatch: there is no mismatch")
        }
        try requireComplete(self.queries, "queries", options)
        try requireComplete(self.corpus, "documents", options)
        if options.allowsMissing, self.queries.gaps.isEmpty, self.corpus.gaps.isEmpty {
            log.notice("--allow-missing: nothing is missing")
        }
    }

    /// Why queries and corpus must not be compared.
    private static func mismatch(_ queries: VectorsReader, _ corpus: [VectorsReader]) -> Failure? {
        let advice = "encode both sides with one model, or give --allow-mismatch if the vectors share a space"
        let description = queries.manifest.description
        guard description.side == .queries else {
            return Failure(
                .badData, "\(queries.folder) holds the vectors of a corpus, not of queries",
                advice: "give --allow-mismatch to search with documents as queries")
        }
        for folder in corpus {
            let other = folder.manifest.description
            guard other.side == .corpus else {
                return Failure(
                    .badData, "\(folder.folder) holds the vectors of queries, not of a corpus",
                    advice: "give --allow-mismatch to search among queries")
            }
            guard description.modelCard == other.modelCard else {
                return Failure(
                    .badData,
                    "\(queries.folder) was made by the model \(description.modelCard), \(folder.folder) by "
                        + "\(other.modelCard): their model_card differs",
                    advice: advice)
            }
            guard description.isNormalised == other.isNormalised else {
                return Failure(
                    .badData, "of \(queries.folder) and \(folder.folder), only one holds normalised vectors",
                    advice: advice)
            }
        }
        return nil
    }

    private func requireComplete(_ set: VectorsSet, _ records: String, _ options: SearchOptions) throws {
        for folder in set.unboundedFolders {
            log.notice(
                """
                \(folder.folder) was encoded by an older tvt, which did not record how many \(records) there are in \
                all: beyond gaps and the numbers of shards nothing can be missed
                """)
        }
        for folder in set.folders where folder.manifest.leftOutCount > 0 {
            let (count, total) = (folder.manifest.leftOutCount, folder.manifest.leftOutCount + folder.count)
            log.notice(
                """
                \(folder.folder): \(count) of \(total) \(records) have no vector, so they are not searched; its \
                part-….left-out.jsonl say why they were left out
                """)
        }
        guard !set.gaps.isEmpty else { return }
        let name = set.folders[0].manifest.description.datasetReference
        let list = set.gaps.prefix(5).map(\.description).joined(separator: "; ") + (set.gaps.count > 5 ? "; …" : "")
        let text = "the \(records) of \(name) are not complete; missing: \(list)"
        guard options.allowsMissing else {
            throw Failure(
                .badData, text,
                advice: (records == "queries"
                    ? "search the queries in one folder, encoded without --shard,"
                    : "name the folders of all shards with --corpus,")
                    + " or give --allow-missing to search without what is missing")
        }
        log.warning("\(text) (--allow-missing)")
    }

    /// How many components of all vectors are compared.
    func commonDims(wanted: Int?) throws -> Int {
        let sides = queries.folders + corpus.folders
        if let wanted {
            for side in sides where side.dims < wanted {
                throw Failure(.usage, "--dims \(wanted): the vectors of \(side.folder) have \(side.dims) dimensions")
            }
            if sides.allSatisfy({ $0.dims == wanted }) {
                log.notice("--dims \(wanted): all vectors have so many dimensions anyway")
            }
            return wanted
        }
        for side in sides where side.dims != sides[0].dims {
            throw Failure(
                .badData,
                "the vectors of \(sides[0].folder) have \(sides[0].dims) dimensions, those of \(side.folder) \(side.dims)",
                advice: "encode both sides with one model, or use the leading dimensions of both with --dims")
        }
        return sides[0].dims
    }
}
