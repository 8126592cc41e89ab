public import ArgumentParser
internal import Base
internal import CommandLineKit
internal import JSON
public import Store

extension VerifyLevel: ExpressibleByArgument {}

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

    func run() throws {
        let store = try options.open()
        let progress = Progress("verify", unit: "B", total: try store.verifiedBytes(name))
        let report = try store.verify(name, level: level) { progress.advance(by: $0) }
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
            text += "\(Printed.size(report.blobBytes)), "
            return text + (report.findings.isEmpty ? "clean\n" : "\(report.findings.count) faults\n")
        }
        guard report.findings.isEmpty else {
            throw Failure(
                .badData, "\(report.findings.count) faults in \(store.name)",
                advice: "Fetch the named blobs again from where they came from, or convert the dataset anew.")
        }
    }
}
