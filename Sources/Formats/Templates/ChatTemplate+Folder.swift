internal import Base
internal import JSON
public import SystemPackage

extension ChatTemplate {
    /// For whom a folder's template is looked for: transformers' processors and tokenizers look in different places.
    public enum Reader: Sendable {
        /// Models that take media: `processor_config.json`, then `chat_template.json`, then the `.jinja` files.
        case processor
        /// Models of text alone: the `.jinja` files, then `tokenizer_config.json`.
        case tokenizer
    }

    /// A folder's template.
    public struct Found: Sendable {
        public let template: ChatTemplate
        /// Where it stood, for people: `chat_template.jinja`, or `tokenizer_config.json, chat_template "tool_use"`.
        public let place: String
        /// Where others stood that differ from it, and are not used.
        public let passedOver: [String]
    }

    /// The template of a model folder, in the order in which transformers 5.24 looks for it.
    ///
    /// - `chat_template.jinja` with `additional_chat_templates/NAME.jinja`, the `default` one and others;
    /// - `tokenizer_config.json`, field `chat_template`: a text, or a list of `{"name": …, "template": …}`;
    /// - `chat_template.json`, field `chat_template`, which processors prefer to the `.jinja` files;
    /// - `processor_config.json`, field `chat_template`, which they prefer to all.
    ///
    /// - Parameters:
    ///   - named: one of several templates; by default `default`, or, for a tokenizer with tools, `tool_use`.
    ///   - hasTools: whether the prompt will have tools.
    /// - Returns: nil where there is none.
    /// - Throws: `InputError` with status 78 for a template that is refused, for a name that is not there, for several
    ///   templates without a default, and where transformers refuses the combination of files.
    public static func find(
        in folder: FilePath, for reader: Reader, named name: String? = nil, hasTools: Bool = false
    ) throws -> Found? {
        let places = try TemplatePlaces(folder: folder)
        guard let group = try places.group(for: reader) else { return nil }
        let chosen = try group.choose(name: name, hasTools: hasTools && reader == .tokenizer)
        let others = places.all.filter { $0.file != group.file && !$0.sources.contains { $0.text == chosen.text } }
        return Found(
            template: try ChatTemplate(chosen.text, name: chosen.path.string, field: chosen.field),
            place: chosen.place, passedOver: others.map(\.file))
    }
}

/// The templates that a folder has, by the file that names them.
private struct TemplatePlaces {
    private var jinja: TemplateGroup?
    private var hasAdditional = false
    private var tokenizerConfig: TemplateGroup?
    private var legacy: TemplateGroup?
    private var processorConfig: TemplateGroup?
    private let folder: FilePath

    private static let additionalFolder = "additional_chat_templates"

    var all: [TemplateGroup] { [processorConfig, legacy, jinja, tokenizerConfig].compactMap { $0 } }

    init(folder: FilePath) throws {
        self.folder = folder
        jinja = try jinjaFiles()
        tokenizerConfig = try group("tokenizer_config.json")
        legacy = try group("chat_template.json")
        processorConfig = try group("processor_config.json")
    }

    private mutating func jinjaFiles() throws -> TemplateGroup? {
        var sources: [TemplateSource] = []
        let main = folder.appending("chat_template.jinja")
        if Files.exists(main) {
            sources.append(
                TemplateSource(
                    name: "default", text: try Files.readText(main), path: main, field: nil, place: main.name))
        }
        let additional = folder.appending(Self.additionalFolder)
        if Files.isDirectory(additional) {
            for file in try Files.list(additional) where file.hasSuffix(".jinja") {
                let path = additional.appending(file)
                let name = String(file.dropLast(".jinja".count))
                guard !sources.contains(where: { $0.name == name }) else {
                    throw InputError(
                        "there are two templates named \"\(name)\"", at: Place(path: path.string),
                        advice: "the other one is chat_template.jinja: remove one of them",
                        exitStatus: .badConfiguration)
                }
                sources.append(
                    TemplateSource(
                        name: name, text: try Files.readText(path), path: path, field: nil,
                        place: "\(Self.additionalFolder)/\(file)"))
                hasAdditional = true
            }
        }
        return sources.isEmpty ? nil : TemplateGroup(file: main.name, sources: sources, path: folder)
    }

    /// The templates in the field `chat_template` of a file; nil where there is no such file, or field.
    private func group(_ file: String) throws -> TemplateGroup? {
        let path = folder.appending(file)
        guard Files.exists(path) else { return nil }
        let field = "chat_template"
        func refuse(_ reason: String) -> InputError {
            InputError(reason, at: Place(path: path.string, field: field), exitStatus: .badConfiguration)
        }
        func source(_ name: String, _ text: JSONValue?, isOnly: Bool) throws -> TemplateSource {
            guard let text = text?.string else { throw refuse("the template \"\(name)\" is no text") }
            let place = "\(file), \(field)" + (isOnly ? "" : " \"\(name)\"")
            return TemplateSource(name: name, text: text, path: path, field: field, place: place)
        }
        let sources: [TemplateSource]
        switch try JSONValue.parse(pythonFile: path)[field] {
        case nil, .null: return nil
        case .string(let text): sources = [try source("default", .string(text), isOnly: true)]
        case .object(let object): sources = try object.map { try source($0.key, $0.value, isOnly: false) }
        case .array(let entries) where file == "tokenizer_config.json":
            sources = try entries.map { entry in
                guard let name = entry["name"]?.string else {
                    throw refuse("a template has no \"name\" that is a text")
                }
                return try source(name, entry["template"], isOnly: false)
            }
        default: throw refuse("a text is expected")
        }
        for (place, source) in sources.enumerated() where sources[..<place].contains(where: { $0.name == source.name })
        {
            throw refuse("there are two templates named \"\(source.name)\"")
        }
        guard !sources.isEmpty else { throw refuse("the list of templates is empty") }
        return TemplateGroup(file: file, sources: sources, path: path)
    }

    /// The templates that a reader takes.
    func group(for reader: ChatTemplate.Reader) throws -> TemplateGroup? {
        guard reader == .processor else { return jinja ?? tokenizerConfig }
        if legacy != nil, hasAdditional {
            throw InputError(
                "chat_template.json and \(Self.additionalFolder) contradict each other", at: Place(path: folder.string),
                advice: "replace chat_template.json by chat_template.jinja", exitStatus: .badConfiguration)
        }
        return processorConfig ?? legacy ?? jinja
    }
}

private struct TemplateGroup {
    /// The file that the templates stand in, or the first of the files.
    let file: String
    let sources: [TemplateSource]
    let path: FilePath

    func choose(name: String?, hasTools: Bool) throws -> TemplateSource {
        let wanted = name ?? (hasTools && sources.contains { $0.name == "tool_use" } ? "tool_use" : "default")
        if let source = sources.first(where: { $0.name == wanted }) { return source }
        throw InputError(
            "there is no chat template named \"\(wanted)\"", at: Place(path: path.string),
            advice: "there are: \(sources.map(\.name).sorted().joined(separator: ", "))", exitStatus: .badConfiguration)
    }
}

private struct TemplateSource {
    let name: String
    let text: String
    /// The file, and the field in it.
    let path: FilePath
    let field: String?
    let place: String
}

extension FilePath {
    fileprivate var name: String { lastComponent?.string ?? string }
}
