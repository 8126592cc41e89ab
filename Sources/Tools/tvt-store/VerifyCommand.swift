public import ArgumentParser
internal import Store
internal import Base
internal import CommandLineKit
internal import JSON
public import StoreMaintenance

extension VerifyLevel: ExpressibleByArgument {}

extension VerifySubset: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check that what is stored is what was written.",
        discussion: """
            quick: every blob exists, with its size, header and trailer.
            meta:  and index pages, links in range, every id found, logical digests.
            data:  and every byte is covered by a checksum that holds.
            full:  and the SHA-256 of every blob.
            Exit status 65 where anything is wrong.
            """)

    @OptionGroup var options: StoreOptions
    @Argument(help: "One dataset (default: all).") var name: String?
    @Option(help: "How deep to look: quick, meta, data or full.") var level: VerifyLevel = .data

    @Option(
        help: ArgumentHelp(
            "Only the blobs of the n-th of t equal classes, so that t runs check all.", valueName: "n/t"))
    var subset: VerifySubset?
    @Flag(help: "Also the SHA-256 of blobs that no dataset needs, such as those that wait for a collection.")
    var blobs = false

    func validate() throws {
        if blobs, name != nil { throw ValidationError("--blobs checks the whole store; leave the dataset out") }
    }

    func run() throws {
        let store = try options.open()
        let progress = Progress("verify", unit: "bytes", total: try store.verifiedBytes(name, subset: subset))
        let report = try store.verify(name, level: level, subset: subset, includesUnnamed: blobs) {
            progress.advance(by: $0)
        }
        progress.finish()
        try Printed.json(
            [
                "level": .string(level.rawValue), "datasets": JSONValue(report.datasetCount),
                "blobs": JSONValue(report.blobCount), "bytes": JSONValue(report.blobBytes),
                "records": JSONValue(report.recordCount),
                "findings": .array(
                    report.findings.map { finding in
                        [
                            "dataset": .string(finding.dataset),
                            "blob": finding.blob.map { .string($0.description) } ?? .null,
                            "message": .string(finding.message),
                        ]
                    }),
            ], if: options.common.json
        ) {
            var text = report.findings.map { "\($0.dataset): \($0.message)\n" }.joined()
            text += "\(level.rawValue): \(report.datasetCount) datasets, \(report.blobCount) blobs, "
            text += "\(byteSize(report.blobBytes)), "
            return text + (report.findings.isEmpty ? "clean\n" : "\(report.findings.count) faults\n")
        }
        guard report.findings.isEmpty else {
            throw Failure(
                .badData, "\(report.findings.count) faults in \(store.name)",
                advice: "`tvt-store repair --from DIR` restores them from another store; without one it rebuilds what "
                    + "it can, and --salvage saves the rest.")
        }
    }
}
