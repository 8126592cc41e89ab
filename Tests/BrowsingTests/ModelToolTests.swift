import Base
import Glibc
import JSON
import Records
import Store
import StoreFormat
import SystemPackage
import TestKit
import Testing

@Suite("tvt-store browse --model as a process")
struct ModelToolTests {
    let store: BrowsedStore
    let model: FilePath

    init() throws {
        let files = try KnownFiles.read("rgb.png", "clip.mp4", "mono-8k.wav")
        let broken = Array(files[0].prefix(60))
        let words = String(repeating: "ba be bi bo ", count: 100)
        store = try BrowsedStore()
        try store.commit(
            [
                Document(id: bytes("picture"), title: bytes("ba"), text: bytes("be"), image: named(files[0])),
                Document(id: bytes("film"), text: bytes("ba"), video: named(files[1])),
                Document(id: bytes("sound"), text: bytes("ba"), audio: named(files[2])),
                Document(id: bytes("broken"), text: bytes("ba"), image: named(broken)),
                Document(id: bytes("long"), text: bytes(words)),
            ], [Query(id: bytes("q"), text: bytes("ba bo"))], media: files + [broken])
        // Not where weights are: nobody reads them.
        model = store.folder("models/seeing")
        try SeeingModel.write(to: model)
    }

    static let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

    @Test("texts, images, frames and spectrograms are shown as the model is given them")
    func views() throws {
        let server = try store.serve("sample", ["--model", model.string, "--inputs", "frames=20"])
        #expect(server.printed == "\(server.address)/\n")
        #expect(try server.json("/api/dataset")["model"] == "seeing")
        let picture = try server.json("/api/model/documents/0")
        #expect(picture["parts"]?.array?.first?["text"] == "ba: [image] ba be" && picture["mediaTokens"] == 4)
        // Twenty frames would be more tokens than there are.
        let film = try server.ask("/api/model/documents/1")
        #expect(film.status == 422)
        #expect(try film.json()["error"]?.string?.contains("80 tokens, and the model takes 32") == true)
        let sound = try server.json("/api/model/documents/2")
        #expect(sound["mediaTokens"] == 5 && sound["items"]?.array?.first?["kind"] == "audio")
        for ordinal in [0, 2] {
            let answer = try server.ask("/model/documents/\(ordinal)/0/0?lines=1")
            #expect(answer.status == 200 && answer.body.starts(with: Self.png), "\(ordinal)")
            // Again, from what was kept.
            #expect(try server.ask("/model/documents/\(ordinal)/0/0?lines=1").body == answer.body)
        }
        let lined = try server.ask("/model/documents/0/0/0?lines=1").body
        #expect(try server.ask("/model/documents/0/0/0").body != lined)
        #expect(try server.ask("/model/documents/0/0/1").status == 404)
        let query = try server.json("/api/model/queries/0")
        #expect(query["parts"]?.array?.map { $0["text"]?.string } == ["ba bo"] && query["mediaTokens"] == 0)
        let long = try server.json("/api/model/documents/4")
        #expect(long["parts"]?.array?.map { $0["isCut"]?.bool } == [false, true] && long["tokens"] == 24)
        #expect(long["notes"]?.array?.first?.string?.contains("24 tokens of a document") == true)
        #expect(server.errorText.isEmpty, "\(server.errorText)")
    }

    @Test("frames of a video come by number, with their times")
    func frames() throws {
        let server = try store.serve("sample", ["--model", model.string, "--inputs=frames=3"])
        let film = try server.json("/api/model/documents/1")
        let captions = film["items"]?.array?.first?["captions"]?.array?.compactMap { $0.string } ?? []
        #expect(captions.count == 3 && captions[0] == "frame 0 at 0.0 s")
        let frames = try (0..<3).map { try server.ask("/model/documents/1/0/\($0)").body }
        #expect(Set(frames).count == 3 && frames.allSatisfy { $0.starts(with: Self.png) })
    }

    @Test("a broken image is an answer that names no path, and the others are shown on")
    func broken() throws {
        let server = try store.serve("sample", ["--model", model.string])
        for path in ["/api/model/documents/3", "/model/documents/3/0/0"] {
            let answer = try server.ask(path)
            #expect(answer.status == 422 && answer.text.contains("its image cannot be used"), "\(answer.text)")
        }
        // A video of which nothing says which frames are taken.
        let film = try server.ask("/api/model/documents/1")
        #expect(film.status == 422 && film.text.contains("frames=8"), "\(film.text)")
        for ordinal in 0..<5 {
            let text = try server.ask("/api/model/documents/\(ordinal)").text
            #expect(!text.contains(store.folder.path.string) && !text.contains("/models/"), "\(text)")
        }
        #expect(try server.json("/api/model/documents/0")["tokens"] != nil && server.isRunning)
        #expect(server.end() == 130)
    }

    /// Before, one of six such ends found the libraries' objects destroyed under its threads, and aborted.
    @Test("a signal in the middle of requests ends the server as one between them does", arguments: [SIGINT, SIGTERM])
    func signalsDuringRequests(signal: Int32) throws {
        for round in 0..<8 {
            let server = try store.serve("sample", ["--model", model.string, "--inputs", "frames=6"])
            let client = server.client
            let threads = try (0..<4).map { number in
                // Until the server is gone; every kind of record is asked for.
                try Thread {
                    var count = number
                    while (try? client.ask("/api/model/documents/\(count % 3)")) != nil { count += 1 }
                }
            }
            usleep(UInt32(20_000 * (1 + round % 4)))
            #expect(server.end(signal) == 130)
            for thread in threads { thread.join() }
            #expect(!server.errorText.contains("terminate") && !server.errorText.contains("pure virtual"))
        }
    }

    @Test("--ignore-media shows the text alone, and says so")
    func ignoringMedia() throws {
        let server = try store.serve(
            "sample", ["--model", model.string, "--ignore-media", "--document-prompt=-bo "])
        let picture = try server.json("/api/model/documents/0")
        #expect(picture["parts"]?.array?.first?["text"] == "-bo ba be" && picture["items"] == [])
        #expect(picture["notes"] == ["The model is not given the record's image."])
    }

    @Test("what is said of a model needs one, and is checked by the program that knows models")
    func refusals() throws {
        let arguments = ["browse", "sample", "--store", store.store.root.string]
        let wrong: [([String], Int32, String)] = [
            (["--query-prompt", "x"], 64, "--query-prompt is about a model"),
            (["--ignore-media"], 64, "--ignore-media is about a model"),
            (["--model", model.string, "--inputs", "chat=maybe"], 64, "chat=maybe"),
            (["--model", model.string, "--inputs", "chat=maybe"], 64, "chat is true or false"),
            (["--model", model.string, "--inputs", "frames=0"], 64, "frames is a whole number from 1 to 100000"),
            (["--model", model.string, "--inputs", "legs=4"], 64, "with a key among chat, "),
            (["--model", model.string, "--preset", "nobody"], 64, "nobody"),
            (["--model", model.string, "--inputs", "chat=true"], 78, "chat template"),
            (["--model", store.folder("nowhere").string], 66, "nowhere"),
        ]
        for (options, status, words) in wrong {
            let result = try run("tvt-store", arguments + options)
            #expect(result.status == status && result.errorText.contains(words), "\(options): \(result.errorText)")
            #expect(result.output.isEmpty)
        }
    }

    @Test("every option of the program that knows models can be given to tvt-store browse")
    func options() throws {
        func options(_ tool: String, _ arguments: [String]) throws -> Set<String> {
            let help = try run(tool, arguments + ["--help"]).outputText
            let words = help.split { !$0.isLetter && $0 != "-" }.map(String.init)
            return Set(words.filter { $0.hasPrefix("--") })
        }
        let missing = try options("tvt-browse-model", []).subtracting(options("tvt-store", ["browse"]))
        #expect(missing.isSubset(of: ["--version"]), "\(missing)")
    }
}
