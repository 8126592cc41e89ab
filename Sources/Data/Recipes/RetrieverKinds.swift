internal import Base
internal import JSON
internal import Processes
internal import Records
internal import SystemPackage

/// What a retriever takes, as `tvt-model show` says it.
struct RetrieverKinds: Equatable, CustomStringConvertible {
    /// `text` and kinds of media, in an order of their own.
    let names: [String]
    /// Why it takes no media of a kind, though it has a tower for them: by the kind's name.
    let obstacles: [String: String]

    init(names: [String], obstacles: [String: String] = [:]) { (self.names, self.obstacles) = (names, obstacles) }

    /// Asks the tool, which refuses a folder and settings that `tvt-encode` would refuse.
    ///
    /// - Parameter arguments: how the model is used, as both tools take it.
    /// - Throws: `Failure` with the tool's status.
    init(of folder: FilePath, _ arguments: [String]) throws {
        let answer = try ScratchFile()
        let command = ["show", folder.string, "--json"] + arguments
        var process = ToolProcess(tool: "tvt-model", arguments: command)
        process.outputDescriptor = answer.descriptor
        let status = try process.run()
        guard status == 0 else {
            throw Failure(
                ExitStatus(rawValue: status) ?? .bug,
                "the retriever cannot be used: tvt-model has ended with \(status)",
                advice: shellQuoted(["tvt-model"] + command))
        }
        let json = try JSONValue.parse(file: answer.path)
        guard let names = json["takes"]?["value"]?.array?.compactMap(\.string), !names.isEmpty else {
            throw Failure(.bug, "tvt-model does not say what \(folder) takes: is it of another version?")
        }
        self.names = names
        obstacles = Dictionary(
            uniqueKeysWithValues: (json["takes_not"]?["value"]?.object ?? [:]).compactMap { kind, reason in
                reason.string.map { (kind, $0) }
            })
    }

    func takes(_ kind: MediaKind) -> Bool { names.contains(kind.rawValue) }

    var description: String { "the retriever takes " + names.joined(separator: ", ") }

    /// What is said behind ``description`` of a kind that it does not take.
    func reason(against kind: MediaKind) -> String {
        " and no \(kind.rawValue)" + (obstacles[kind.rawValue].map { " (\($0))" } ?? "")
    }
}

extension DocumentView {
    static func noText(_ kind: MediaKind) -> Failure {
        Failure(
            .usage, "--documents text: the recipe has no text that stands for each \(kind.rawValue)",
            advice: "Name a retriever that takes \(kind.rawValue), and leave the option out.")
    }

    static func refusal(_ reason: String, _ kind: MediaKind) -> Failure {
        Failure(
            .badConfiguration, "--documents media: \(reason)",
            advice: "Name a retriever that takes \(kind.rawValue). `tvt-model show` tells what a folder takes.")
    }
}
