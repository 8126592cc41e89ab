public import ArgumentParser
internal import Base
internal import CommandLineKit
public import Curation
internal import JSON
internal import Store

/// What the commands have in common that make a version of versions.
struct DerivingOptions: ParsableArguments {
    @OptionGroup var options: StoreOptions
    @Option(name: .customLong("as"), help: ArgumentHelp("The reference of the new version.", valueName: "ref"))
    var reference: String
    @OptionGroup var naming: NamingOptions

    /// The store, which takes the new version under its name.
    func open() throws -> Store {
        let store = try options.openFolder().refusingKnownNames(naming.isNew)
        // Whatever could fail at the end fails at the start.
        try store.checkNewName(reference)
        return store
    }

    /// Prints what was made, for people or for programs.
    func report(_ derived: Dataset, _ counts: JSONObject, _ rows: [[String]]) throws {
        var json = counts.inSnakeCase
        json["reference"] = .string(derived.reference)
        json["digest"] = .string(derived.digest.description)
        try Printed.json(.object(json), if: options.common.json) {
            Printed.table(rows) + "\n\(derived.reference) is \(derived.digest)\n"
        }
    }

    static func tool(_ command: String) -> String { "tvt-store \(command) \(tvtVersion)" }
}

/// `name=value` on a command line.
struct NamedValue: ExpressibleByArgument, Sendable {
    let name: String
    let value: String

    init?(argument: String) {
        guard let sign = argument.firstIndex(of: "="), sign != argument.startIndex else { return nil }
        name = String(argument[..<sign])
        value = String(argument[argument.index(after: sign)...])
    }
}

extension Amount: ExpressibleByArgument {
    /// A whole number of records from 1, or a share above 0 and below 1, written with a point.
    public init?(argument: String) {
        if let count = Int(argument), count >= 1 {
            self = .count(count)
        } else if argument.contains("."), let share = Double(argument), share > 0, share < 1 {
            self = .share(share)
        } else {
            return nil
        }
    }

    static let words = "a number from 1, or a share above 0 and below 1 such as 0.1"
}

extension QuerySplit.Report {
    /// Lines of the table that people read.
    var rows: [[String]] {
        var rows = splits.map {
            ["split \($0.name)", "\(grouped($0.queries)) queries, \(grouped($0.judgements)) judgements"]
        }
        func add(_ name: String, _ count: Int) { if count > 0 { rows.append([name, grouped(count)]) } }
        add("queries in no new split", leftCount)
        add("named, without judgements", withoutJudgementsCount)
        add("unknown ids", unknownCount)
        add("positives removed", removedPositives)
        add("negatives removed", removedNegatives)
        return rows
    }
}
