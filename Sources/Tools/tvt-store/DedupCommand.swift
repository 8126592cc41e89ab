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
            equal, unless images are compared too.

            --near-images: images are decoded, stood upright, and laid over white in grey. Each has a hash of 64 bits, the \
            signs of the lowest frequencies, and a small picture of 32 x 32. Two images are nearly equal if their \
            hashes differ in at most --image-bits and their small pictures correlate to at least --image-similarity; no \
            such pair is missed. Documents are duplicates if their images are nearly equal and their titles and texts \
            equal but for case and punctuation (with --near similar; with --text-only titles may differ): one with a \
            text and one without are none. Images with next to nothing to see, as blank pages, are not compared, and \
            counted. Neither are videos and sounds.
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
    @Flag(name: .customLong("near-images"), help: "Also merge documents whose images are nearly equal.")
    var nearImages = false
    @Option(
        name: .customLong("image-bits"), in: DeduplicationOptions.NearImages.bitRange,
        help: ArgumentHelp(
            "With --near-images, bits of the hashes that may differ (default: \(NearImages().bits)).", valueName: "bits"
        ))
    var imageBits: Int?
    @Option(
        name: .customLong("image-similarity"), in: DeduplicationOptions.NearImages.similarityRange,
        help: ArgumentHelp(
            "With --near-images, the least correlation of the small pictures (default: \(NearImages().similarity)).",
            valueName: "share"))
    var imageSimilarity: Double?
    @Option(
        name: .customLong("broken-images"),
        help: ArgumentHelp(
            """
            With --near-images, images that cannot be decoded or that the dataset does not hold: end with an error, or \
            leave them out and count them (default: error).
            """, valueName: "error|skip"))
    var brokenImages: BrokenImages?
    @Option(in: .seeds, help: "With --near, the seed of the hash functions.") var seed: UInt64 = 42
    @Flag(name: .customLong("dry-run"), help: "Count only; write no version.") var dryRun = false
    @Option(
        help: ArgumentHelp(
            "Write one JSON line for each duplicate, with docid and representative.", valueName: "file"))
    var report: String?

    private typealias NearImages = DeduplicationOptions.NearImages

    enum BrokenImages: String, CaseIterable, ExpressibleByArgument { case error, skip }

    func validate() throws {
        guard dryRun || reference != nil else { throw ValidationError("say what to call the new version: --as REF") }
        let settings = [
            ("--image-bits", imageBits != nil), ("--image-similarity", imageSimilarity != nil),
            ("--broken-images", brokenImages != nil),
        ]
        for (name, isGiven) in settings where isGiven && !nearImages {
            throw ValidationError("\(name) does nothing without --near-images")
        }
    }

    private var settings: DeduplicationOptions {
        var settings = DeduplicationOptions()
        settings.isNear = near
        settings.isTextOnly = textOnly
        settings.threshold = threshold
        settings.seed = seed
        guard nearImages else { return settings }
        var images = NearImages()
        images.bits = imageBits ?? images.bits
        images.similarity = imageSimilarity ?? images.similarity
        images.skipsBroken = brokenImages == .skip
        settings.nearImages = images
        return settings
    }

    func run() throws {
        let store = try options.open().refusingKnownNames(naming.isNew)
        let dataset = try store.dataset(name)
        // Whatever could fail at the end fails at the start.
        if let reference { try store.checkNewName(reference) }
        var reportFile: StagedFile?
        if let report { reportFile = try StagedFile(for: FilePath(report)) }
        let progress = Progress("dedup", unit: "documents", total: dataset.documentCount)
        let imageProgress = nearImages ? Progress("dedup", unit: "images") : nil
        let deduplication = try Deduplication(
            of: dataset, options: settings, progress: progress, imageProgress: imageProgress)
        progress.finish()
        imageProgress?.finish()
        if let images = deduplication.report.images { warn(of: images) }
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
            if let images = counts.images { rows += Self.rows(images, nearCount: counts.nearImageCount) }
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

    private func warn(of images: DeduplicationReport.Images) {
        if images.documentCount == 0 {
            log.warning("--near-images: no document has an image\(images.recordingCount > 0 ? " alone" : "")")
        }
        for broken in images.broken {
            log.warning("document \(escaped(broken.documentID)): its image cannot be decoded: \(broken.reason)")
        }
        let rest = images.brokenCount - images.broken.count
        if rest > 0 { log.warning("\(grouped(rest)) more images cannot be decoded") }
    }

    private static func rows(_ images: DeduplicationReport.Images, nearCount: Int) -> [[String]] {
        var rows = [
            ["  nearly equal images", grouped(nearCount)],
            [
                "  image pairs compared",
                "\(grouped(images.comparedPairCount)), equal enough: \(grouped(images.similarPairCount))",
            ],
            ["images decoded", grouped(images.count)],
        ]
        for (name, count) in [
            ("  too little to see: not compared", images.flatCount), ("  broken: not compared", images.brokenCount),
            ("  not in the dataset: not compared", images.absentCount),
            ("videos and sounds: not looked at", images.recordingCount),
        ] where count > 0 {
            rows.append([name, grouped(count)])
        }
        return rows
    }
}
