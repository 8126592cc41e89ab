import Base
import StoreMaintenance
import Store
import SystemPackage
import TestKit
import Testing

/// Whatever moment a command dies at: the store has the old references or the new ones, all of them whole, and the
/// same command run again ends as if nothing had happened.
@Suite struct CrashTests {
    @Test("SIGKILL at every call, and in the middle of every write", arguments: ChangingCommand.all)
    func kill(command: ChangingCommand) throws {
        let calm = try CalmRun(command)
        #expect(calm.numbered.count > 10)
        var states: [Bool] = []
        var metHalves = false
        for (number, call) in calm.met {
            var actions = ["kill"]
            if case .write = call { actions.append("tear") }
            for action in actions {
                let fault = Fault(action: action, call: number)
                let folder = try quickFolder()
                let store = folder("store")
                try calm.prepare(store)
                #expect(try calm.run(store, fault).wasKilled, "\(fault) (\(call.path))")
                states.append(try checkOldOrNew(store, calm, "\(fault) (\(call.path))"))
                guard isSoaking || number % 3 == 0 else {
                    try checkNextWriter(store, "\(fault)")
                    continue
                }
                let arrived = calm.incomingBytes > 0 ? try calm.arrivedBytes(store) : 0
                let log = folder("log")
                let again = try calm.run(store, log: log)
                let wasDone = states.last == true
                #expect(again.status == (wasDone ? command.repeatedStatus : 0), "\(fault): \(again.errorText)")
                #expect(try CalmRun.references(store) == calm.new, "\(fault)")
                try checkClean(store, "\(fault), and again")
                if calm.incomingBytes > 0 {
                    // What had come is not fetched again, not even a half of a blob.
                    let fetched = try RecordedCall.read(log).reduce(0) { $0 + $1.incomingBytes }
                    #expect(arrived + fetched == calm.incomingBytes, "\(fault): \(arrived) had come")
                    #expect(try Incoming.parts(store).isEmpty, "\(fault)")
                    metHalves = metHalves || arrived > 0 && fetched > 0
                }
                try checkNextWriter(store, "\(fault)")
            }
        }
        // One moment parts the old from the new.
        #expect(states == states.filter { !$0 } + states.filter { $0 })
        #expect(Set(states).count == (calm.changesReferences ? 2 : 1))
        #expect(metHalves == (calm.incomingBytes > 0))
    }

    @Test("power failure after every call", arguments: ChangingCommand.all)
    func losePower(command: ChangingCommand) throws {
        let calm = try CalmRun(command)
        let before = try quickFolder()
        try calm.prepare(before("store"))
        var disk = try Disk(of: before("store"))
        var wasDurable = false
        // Many calls change nothing of what would remain.
        var known: [SHA256Digest: Bool] = [:]
        for (number, call) in ([nil] + calm.calls.map(Optional.some)).enumerated() {
            if let call { try disk.apply(call) }
            if let call, call.isOfCatalog, !isSoaking, number % 5 != 0 { continue }
            let seeds = (0..<UInt64(isSoaking ? 20 : 2)).map { UInt64(number) << 8 | $0 }
            for loss in [.all, .bytes, .names] + seeds.map(Disk.Loss.some(seed:)) {
                let what: Comment = "after call \(number) (\(call?.path ?? "none")): \(loss)"
                let remains = disk.remains(after: loss)
                let digest = remains.digest
                var isNew = known[digest]
                let folder = try quickFolder()
                let store = folder("store")
                if isNew == nil {
                    try remains.write(to: store)
                    isNew = try checkOldOrNew(store, calm, what)
                    known[digest] = isNew
                }
                if case .all = loss {
                    #expect(isNew == true || !wasDurable, "\(what): what was durable is lost")
                    wasDurable = isNew == true
                }
                guard Files.exists(store) else { continue }
                if number % 16 == 3 {
                    let again = try calm.run(store)
                    #expect(again.status == (isNew == true ? command.repeatedStatus : 0), "\(what): \(again.errorText)")
                    #expect(try CalmRun.references(store) == calm.new, what)
                    try checkClean(store, "\(what), and again")
                }
                try checkNextWriter(store, what)
            }
        }
        // The command has said that it is done.
        #expect(wasDurable)
        #expect(known.count > calm.met.count / 2)
    }

    /// What this suite rests on: a commit that leaves out a sync does not pass.
    @Test("a sync that is left out is noticed", arguments: ["a blob", "blobs", "blobs/sha256", "index.json", ""])
    func missingSync(of what: String) throws {
        let calm = try CalmRun(ChangingCommand.all[1])
        #expect(calm.command.makesStore)
        var disk = try Disk(of: "/nowhere/at/all")
        for call in calm.calls {
            switch call {
            case .sync(_, let path) where what == "a blob" && path.hasSuffix(".tvz"): continue
            case .sync(_, let path) where what == "index.json" && path.hasSuffix("/index.json"): continue
            case .syncFolder(let path) where path == what: continue
            default: try disk.apply(call)
            }
        }
        let folder = try quickFolder()
        let store = folder("store")
        try disk.remains(after: .all).write(to: store)
        let references = try? CalmRun.references(store)
        let isClean = (try? Store(opening: store).verify(level: .full).findings.isEmpty) == true
        #expect(references != calm.new || !isClean)
    }

    /// Nothing can happen to a store by being pushed from or pulled from.
    @Test("push and pull change nothing where they read", arguments: ["push", "pull"])
    func readingSide(verb: String) throws {
        let scene = try Scene.shared.get()
        let folder = try quickFolder()
        try copyTree(scene.base, to: folder("other"))
        let stores = [scene.elsewhere, folder("other")].map(\.string)
        let arguments =
            verb == "push"
            ? ["push", stores[1], "nave", "--store", stores[0]] : ["pull", stores[0], "nave", "--store", stores[1]]
        let log = folder("log")
        let result = try run("tvt-store", arguments, watching: scene.elsewhere, log: log)
        #expect(result.status == 0, "\(result.errorText)")
        #expect(try Files.readAll(log).isEmpty)
    }

    /// - Returns: whether the store has the new references.
    private func checkOldOrNew(_ root: FilePath, _ calm: CalmRun, _ comment: Comment) throws -> Bool {
        let references = try CalmRun.references(root)
        // A store that is just there, still empty, is a step on the way of the command that makes it.
        let isStarted = calm.command.makesStore && references?.isEmpty == true
        #expect(references == calm.old || references == calm.new || isStarted, comment)
        if references != nil {
            if !calm.command.startsDamaged { try checkClean(root, comment) }
            let listed = try Store(opening: root).list().map(\.reference)
            #expect(listed == references?.keys.sorted(), comment)
        }
        return references == calm.new
    }

    private func checkClean(_ root: FilePath, _ comment: Comment) throws {
        let findings = try Store(opening: root).verify(level: .full).findings
        #expect(findings.isEmpty, "\(comment): \(findings)")
    }

    /// Another writer works, and takes away what the dead one left, except blobs that somebody may go on fetching.
    private func checkNextWriter(_ root: FilePath, _ comment: Comment) throws {
        guard let references = try CalmRun.references(root) else { return }
        let store = try Store(opening: root)
        // Not one that repair has to see to first.
        guard let any = references.keys.sorted().last else { return }
        try store.tag(any, as: "next")
        #expect(try store.references().count == references.count + 1, comment)
        #expect(try Files.list(root.appending("tmp")).filter { $0 != "incoming" } == ["gate"], comment)
        #expect(try Incoming.isOrderly(root), comment)
    }
}
