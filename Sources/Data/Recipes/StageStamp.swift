internal import Base
internal import JSON
internal import SystemPackage

/// What is known of a stage's last run: `stages/<name>.json` in the output folder.
struct StageStamp: Equatable {
    /// Of the command and the digests of all that it reads: equal keys give equal results.
    var key: SHA256Digest
    /// Of what the stage left; nil while it runs, or if it was broken off.
    var result: SHA256Digest?
    /// What was decided for the stage, for people: its command holds what follows.
    var decision: String?

    init(key: SHA256Digest, result: SHA256Digest? = nil, decision: String? = nil) {
        (self.key, self.result, self.decision) = (key, result, decision)
    }

    static func path(of stage: Stage, in output: FilePath) -> FilePath {
        let name = stage.name.split(separator: " ").joined(separator: "-")
        return output.appending("stages").appending("\(name).json")
    }

    /// Nil where there is none, or none that can be read: then the stage is run.
    init?(of stage: Stage, in output: FilePath) {
        let path = Self.path(of: stage, in: output)
        guard Files.exists(path), let json = try? JSONValue.parse(file: path),
            let key = json["key"]?.string.flatMap({ SHA256Digest(hex: $0) })
        else { return nil }
        self.key = key
        result = json["result"]?.string.flatMap { SHA256Digest(hex: $0) }
        decision = json["decision"]?.string
    }

    func write(for stage: Stage, in output: FilePath) throws {
        var object: JSONObject = ["key": .string(key.description)]
        object["result"] = result.map { .string($0.description) }
        object["decision"] = decision.map { .string($0) }
        try Files.replace(Self.path(of: stage, in: output), with: JSONValue.object(object).pretty())
    }
}
