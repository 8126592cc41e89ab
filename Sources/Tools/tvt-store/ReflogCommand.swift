internal import ArgumentParser
internal import Store
internal import CommandLineKit
internal import JSON

struct ReflogCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reflog", abstract: "Show every change of every name, the newest first.",
        discussion: """
            A version that lost its name is found here: `tvt-store tag sha256:… NAME` brings it back, as long as it \
            has not been collected.
            """)

    @OptionGroup var options: StoreOptions
    @Argument(help: "Only this reference (default: all).") var name: String?

    func run() throws {
        let entries = try options.open().reflog().reversed().filter { name == nil || $0.reference == name }
        try Printed.json(
            .array(
                entries.map { entry in
                    [
                        "time": .string(entry.time), "operation": .string(entry.operation),
                        "reference": .string(entry.reference),
                        "before": entry.before.map { .string($0.description) } ?? .null,
                        "after": entry.after.map { .string($0.description) } ?? .null,
                    ]
                }), if: options.common.json
        ) {
            guard !entries.isEmpty else { return "No changes.\n" }
            return Printed.table(
                [["TIME", "OPERATION", "NAME", "BEFORE", "AFTER"]]
                    + entries.map { entry in
                        [
                            entry.time, entry.operation, entry.reference, entry.before?.description ?? "-",
                            entry.after?.description ?? "-",
                        ]
                    })
        }
    }
}
