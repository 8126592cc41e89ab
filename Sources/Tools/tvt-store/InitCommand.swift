internal import ArgumentParser
internal import Base
internal import CommandLineKit
internal import JSON
internal import Store

struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make an empty store; an existing one is left as it is.")

    @OptionGroup var options: StoreOptions

    func run() throws {
        let store = try Store.create(at: options.location.folder())
        try Printed.json(["store": .string(store.root.string)], if: options.common.json) {
            "Store at \(store.root), \(try store.references().count) datasets.\n"
        }
    }
}

struct TagCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tag", abstract: "Give a dataset another name; a name that exists is moved.")

    @OptionGroup var options: StoreOptions
    @Argument(help: "The dataset.") var name: String
    @Argument(help: "The new name, such as nave@reviewed.") var reference: String
    @OptionGroup var naming: NamingOptions

    func run() throws {
        let tagged = try options.open().refusingKnownNames(naming.isNew).tag(name, as: reference)
        try Printed.json(
            ["reference": .string(tagged.name), "digest": .string(tagged.dataset.description)], if: options.common.json
        ) { "\(tagged.name) is now \(tagged.dataset)\n" }
    }
}

struct RemoveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm", abstract: "Remove a name. The data stays until it is collected; the reflog still knows it.")

    @OptionGroup var options: StoreOptions
    @Argument(help: "The reference.") var reference: String

    func run() throws {
        let digest = try options.open().remove(reference)
        try Printed.json(
            ["reference": .string(reference), "digest": .string(digest.description)], if: options.common.json
        ) { "\(reference) removed; it was \(digest)\n" }
    }
}
