internal import Base
internal import Store
internal import StoreFormat

/// Unites the links and judgements that several datasets have for one query.
struct MergedLinks {
    struct Judgement {
        var split: String
        var document: UInt32
        var grade: Float
    }

    private let datasets: [Dataset]
    private let documents: MergedIDs
    private let keepsPositiveScores: Bool
    private let keepsNegativeScores: Bool
    let dropsScores: Bool

    init(_ datasets: [Dataset], _ documents: MergedIDs) {
        self.datasets = datasets
        self.documents = documents
        func scores(_ links: [Links?]) -> (keep: Bool, drop: Bool) {
            let some = links.compactMap { $0?.hasScores }
            return (!some.isEmpty && some.allSatisfy { $0 }, some.contains(true) && some.contains(false))
        }
        let positives = scores(datasets.map(\.positives))
        let negatives = scores(datasets.map(\.negatives))
        keepsPositiveScores = positives.keep
        keepsNegativeScores = negatives.keep
        dropsScores = positives.drop || negatives.drop
    }

    /// - Parameter occurrences: the query in the datasets that have it.
    /// - Throws: `Failure` with status 65 where two datasets grade a pair differently, unless the first shall stay.
    func united(
        _ occurrences: [(dataset: Int, ordinal: Int)], _ conflicts: Merge.Conflicts, _ report: inout Merge.Report
    ) throws -> (links: CopiedLinks, judgements: [Judgement]) {
        var links = CopiedLinks()
        links.positives = try list(occurrences, keepsPositiveScores, \.positives, without: [])
        let positives = Set(links.positives.targets)
        links.negatives = try list(occurrences, keepsNegativeScores, \.negatives, without: positives) {
            report.droppedNegatives += 1
        }
        return (links, try judgements(occurrences, conflicts, &report))
    }

    private func list(
        _ occurrences: [(dataset: Int, ordinal: Int)], _ keepsScores: Bool, _ links: KeyPath<Dataset, Links?>,
        without excluded: Set<UInt32>, dropped: () -> Void = {}
    ) throws -> CopiedLinks.List {
        var list = CopiedLinks.List()
        var seen: Set<UInt32> = []
        var scores: [Float] = []
        for (number, query) in occurrences {
            guard let links = datasets[number][keyPath: links] else { continue }
            let own = try links.scores(of: query)
            for (position, target) in try links.targets(of: query).enumerated() {
                let document = documents.mergedOrdinal(of: target, in: number)
                if excluded.contains(document) {
                    dropped()
                    continue
                }
                guard seen.insert(document).inserted else { continue }
                list.targets.append(document)
                if keepsScores, let own { scores.append(own[position]) }
            }
        }
        if keepsScores { list.scores = scores }
        return list
    }

    private func judgements(
        _ occurrences: [(dataset: Int, ordinal: Int)], _ conflicts: Merge.Conflicts, _ report: inout Merge.Report
    ) throws -> [Judgement] {
        var judgements: [Judgement] = []
        var positions: [String: [UInt32: Int]] = [:]
        for (number, query) in occurrences {
            for (split, links) in datasets[number].judgements {
                let grades = try links.scores(of: query)
                for (position, target) in try links.targets(of: query).enumerated() {
                    let document = documents.mergedOrdinal(of: target, in: number)
                    let grade = grades.map { $0[position] } ?? 1
                    guard let known = positions[split]?[document] else {
                        positions[split, default: [:]][document] = judgements.count
                        judgements.append(Judgement(split: split, document: document, grade: grade))
                        continue
                    }
                    if judgements[known].grade == grade {
                        report.repeatedJudgements += 1
                    } else if conflicts == .first {
                        report.conflictingJudgements += 1
                    } else {
                        throw Failure(
                            .badData,
                            "\(split): \(datasets[number].reference) grades query "
                                + "\(escaped(try datasets[number].queryID(query))) and document "
                                + "\(escaped(try datasets[number].documentID(Int(target)))) with \(grade), an earlier "
                                + "dataset with \(judgements[known].grade)",
                            advice: "--conflicts first keeps the earlier grades.")
                    }
                }
            }
        }
        return judgements
    }
}
