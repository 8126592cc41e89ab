internal import Analysis
internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import JSON
internal import Store
internal import StoreFormat
internal import SystemPackage

struct DedupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dedup", abstract: "Make a version whose links point at one document of each set of duplicates.",
        discussion: """
            Duplicates are documents with equal contents (all fields but the id), with --text-only equal texts, and \
            with --near similar ones. The first document of a cluster stands for the others. Nothing is deleted: the \
            documents stay, the new version's alias map says which is a duplicate of which, and its links point at the \
            first. Links of a query that are the same now are merged (the highest grade stays); a negative that is a \
            positive of the same query is dropped.

            --near: titles and texts are cut into words, without case and punctuation (each character of a script \
            without spaces is a word); two documents are similar if the sets of their 5-word sequences have a Jaccard \
            similarity of at least --threshold. Candidates come from MinHash with 14 bands of 8 rows, which finds a \
            pair of similarity 0.8 with a probability of 0.92, of 0.85 with 0.99, of 0.9 with 0.9996; every candidate is \
            then compared exactly. Documents with image, video or audio are duplicates only if all their contents are \
            equal.
            """)

    @OptionGroup var options: StoreOptions
    @Argument(help: "The dataset.") var name: String
    @Option(name: .customLong("as"), help: "The reference of the new version; not needed with --dry-run.")
    var reference: String?
    @OptionGroup var naming: NamingOptions
    @Flag(help: "Also merge documents whose texts are similar.") var near = false
    @Flag(name: .customLong("text-only"), help: "Compare texts alone: titles and extras may differ.")
    var textOnly = false
    @Option(in: NumberRange(above: 0, through: 1), help: "With --near, the minimum similarity.") var threshold = 0.8
    @Option(in: .seeds, help: "With --near, the seed of the hash functions.") var seed: UInt64 = 42
    @Flag(name: .customLong("dry-run"), help: "Count only; write no version.") var dryRun = false
    @Option(
        help: ArgumentHelp(
            "Write one JSON line for each duplicate, with docid and representative.", valueName: "file"))
    var report: String?

    func validate() throws {
        guard dryRun || reference != nil else { throw ValidationError("say what to call the new version: --as REF") }
    }

    func run() throws {
        let store = try options.open().refusingKnownNames(naming.isNew)
        let dataset = try store.dataset(name)
        var settings = DeduplicationOptions()
        settings.isNear = near
        settings.isTextOnly = textOnly
        settings.threshold = threshold
        settings.seed = seed
        // Whatever could fail at the end fails at the start.
        if let reference { try store.checkNewName(reference) }
        var reportFile: StagedFile?
        if let report { reportFile = try StagedFile(for: FilePath(report)) }
        let progress = Progress("dedup", unit: "documents", total: dataset.documentCount)
        let deduplication = try Deduplication(of: dataset, options: settings, progress: progress)
        progress.finish()
        if var file = reportFile.take() {
            try deduplication.writeAliases(to: &file)
            try file.commit()
        }
        var derived: Dataset?
        if let reference, !dryRun {
            derived = try deduplication.derive(as: reference, in: store, tool: "tvt-store dedup \(tvtVersion)")
        } else {
            try deduplication.countRewriting()
        }
        let counts = deduplication.report
        var json = counts.json
        if let derived {
            json["reference"] = .string(derived.reference)
            json["digest"] = .string(derived.digest.description)
        }
        try Printed.json(.object(json), if: options.common.json) {
            var rows = [
                ["documents", grouped(counts.documentCount)],
                [
                    "duplicates",
                    "\(grouped(counts.aliasCount)) of \(grouped(counts.clusterCount)) documents",
                ],
            ]
            if counts.inheritedCount > 0 { rows.append(["  known before", grouped(counts.inheritedCount)]) }
            rows.append([textOnly ? "  equal texts" : "  equal contents", grouped(counts.exactCount)])
            if near {
                rows.append(["  similar texts", grouped(counts.nearCount)])
                rows.append([
                    "  pairs compared",
                    "\(grouped(counts.verifiedPairCount)), similar: \(grouped(counts.similarPairCount))",
                ])
            }
            if counts.clusterCount > 0 { rows.append(["largest cluster", grouped(counts.largestCluster)]) }
            var text = Printed.table(rows)
            if !counts.links.isEmpty {
                var rows = [["LINKS", "BEFORE", "AFTER", "REDIRECTED", "MERGED", "DROPPED", "REGRADED"]]
                for table in counts.links {
                    rows.append(
                        [table.name]
                            + [
                                table.before, table.after, table.redirectedCount, table.mergedCount,
                                table.droppedCount, table.regradedCount,
                            ].map(grouped))
                }
                text += "\n" + Printed.table(rows, right: [1, 2, 3, 4, 5, 6])
            }
            text += derived.map { "\n\($0.reference) is \($0.digest)\n" } ?? "\nnothing was written\n"
            return text
        }
    }
}
